//go:build !linux

package testkit

import "os/exec"

// dieWithParent can be had on Linux only; elsewhere a killed test leaves its server behind.
func dieWithParent(*exec.Cmd) {}
