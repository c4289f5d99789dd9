// Package docs holds the documentation to the product: its examples are run, and what lists something lists it all.
package docs
