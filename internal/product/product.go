//go:build linux

// Package product builds the real server and runs it as a process of its own, for tests and measurements that need the
// whole of it: its start and its end, its memory and its time on the processor.
package product

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Build makes the server in the folder, with the flags it is delivered with, and returns the path of the program.
func Build(ctx context.Context, dir string) (program string, err error) {
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	program = filepath.Join(dir, "lianqi")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-tags", "nomsgpack,timetzdata", "-ldflags", "-s -w", "-o", program, ".")
	build.Dir = strings.TrimSpace(string(root))
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the server: %w\n%s", err, output)
	}
	return program, nil
}

// Greeting is in the line that a server writes to its standard output once it accepts connections.
const Greeting = "is serving"

// patience bounds how long a process may take to serve or to end.
const patience = 30 * time.Second

// Process is a server that runs beside the one that started it, and ends with it at the latest.
type Process struct {
	// Address is the host and port it listens on.
	Address string

	command *exec.Cmd
	serving chan struct{} // closed when it accepts connections
	ended   chan struct{} // closed when it is gone
	exit    error         // how it went, once ended is closed
	started chan error
	log     tail
}

// FreeAddress finds an address on this machine where nobody listens now.
func FreeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}

// Serve starts the server on the database: an address in the form of LIANQI_DATABASE_URL, or empty for SQLite in the
// folder. It returns once connections are accepted.
func Serve(program, dir, database string, settings ...string) (*Process, error) {
	address, err := FreeAddress()
	if err != nil {
		return nil, err
	}
	environment := append([]string{
		"LIANQI_LISTEN=" + address, "LIANQI_DATA_DIR=" + dir, "LIANQI_DATABASE_URL=" + database, "LIANQI_LOG=error", "LIANQI_RATE_LIMIT=0",
	}, settings...)
	return Start(address, environment, program, "serve")
}

// Start runs any program that serves on the address and greets when it does, and returns once it has.
func Start(address string, environment []string, program string, arguments ...string) (*Process, error) {
	p := &Process{
		Address: address, command: exec.Command(program, arguments...),
		serving: make(chan struct{}), ended: make(chan struct{}), started: make(chan error, 1),
	}
	p.command.Env = environment
	p.command.Stderr = &p.log
	// A group of its own keeps an interrupt at the keyboard away; the death signal takes it along with its parent.
	p.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	output, err := p.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	go p.run(output)
	if err := <-p.started; err != nil {
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-p.serving:
		return p, nil
	case <-p.ended:
		return nil, fmt.Errorf("%s ended at its start: %w\n%s", filepath.Base(program), p.exit, p.log.String())
	case <-timer.C:
		p.Kill()
		return nil, fmt.Errorf("%s does not serve after %s\n%s", filepath.Base(program), patience, p.log.String())
	}
}

func (p *Process) run(output io.Reader) {
	// The death signal is sent when the thread that started the process ends, so this thread has to stay.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := p.command.Start()
	p.started <- err
	if err != nil {
		return
	}
	waiting := true
	for lines := bufio.NewScanner(output); lines.Scan(); {
		if waiting && strings.Contains(lines.Text(), Greeting) {
			waiting = false
			close(p.serving)
		}
	}
	p.exit = p.command.Wait()
	close(p.ended)
}

// Pid is the id of the process.
func (p *Process) Pid() int { return p.command.Process.Pid }

// Ended is closed when the process is gone.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Log is the end of what the process wrote to its standard error.
func (p *Process) Log() string { return p.log.String() }

// Kill ends the process at once, as a crash would, and waits for it.
func (p *Process) Kill() {
	_ = p.command.Process.Kill()
	<-p.ended
}

// Terminate asks the process to end; Wait tells how it did.
func (p *Process) Terminate() error { return p.command.Process.Signal(syscall.SIGTERM) }

// Wait waits for the end of the process, and kills it when that takes longer than limit. The error is that of a
// process that did not end well.
func (p *Process) Wait(limit time.Duration) error {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-p.ended:
		return p.exit
	case <-timer.C:
		p.Kill()
		return errors.New("the process did not end within " + limit.String())
	}
}

// Stop asks the process to end and waits until it has.
func (p *Process) Stop() error {
	if err := p.Terminate(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return p.Wait(patience)
}

// tail keeps the last of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailSize = 16 << 10

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	if surplus := len(t.text) - tailSize; surplus > 0 {
		t.text = append(t.text[:0], t.text[surplus:]...)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}
