package testkit

import (
	"os/exec"
	"syscall"
)

// dieWithParent makes the kernel kill the process when this one ends, however it ends; an interrupt at the keyboard
// reaches only this one.
func dieWithParent(command *exec.Cmd) {
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
