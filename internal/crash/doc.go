// Package crash holds tests that kill the real server under load and look at what is left.
package crash
