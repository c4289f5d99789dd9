//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// clockTick is the unit in which Linux tells times of processes: USER_HZ, which is 100 wherever Go runs.
const clockTick = 10 * time.Millisecond

// processorTime is what a process has used of the processors, in user and kernel mode.
func processorTime(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The name, in parentheses, may hold anything; after it utime and stime are the 12th and 13th.
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	var ticks int64
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(string(f), 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * clockTick, nil
}

// memory is how much of a process is resident now, and was at most, in MiB.
func memory(pid int) (now, peak float64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range bytes.Lines(text) {
		fields := bytes.Fields(line)
		if len(fields) != 3 {
			continue
		}
		kib, err := strconv.ParseFloat(string(fields[1]), 64)
		switch name := string(fields[0]); {
		case name != "VmRSS:" && name != "VmHWM:":
		case err != nil:
			return 0, 0, err
		case name == "VmRSS:":
			now = kib / 1024
		default:
			peak = kib / 1024
		}
	}
	return now, peak, nil
}

// forgetPeak makes the peak of a process begin anew.
func forgetPeak(pid int) error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0)
}

// flushTime is the median time that the disk under the folder takes to keep 4 KiB.
func flushTime(dir string) (time.Duration, error) {
	file, err := os.Create(filepath.Join(dir, "flush"))
	if err != nil {
		return 0, err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	const times = 200
	page := make([]byte, 4096)
	taken := make([]time.Duration, times)
	for i := range taken {
		if _, err := file.Write(page); err != nil {
			return 0, err
		}
		begin := time.Now()
		if err := syscall.Fdatasync(int(file.Fd())); err != nil {
			return 0, err
		}
		taken[i] = time.Since(begin)
	}
	slices.Sort(taken)
	return taken[times/2], nil
}

const tmpfsMagic = 0x01021994

// inMemory tells whether the folder is kept in memory, where flushing costs nothing.
func inMemory(dir string) bool {
	var fs syscall.Statfs_t
	return syscall.Statfs(dir, &fs) == nil && fs.Type == tmpfsMagic
}
