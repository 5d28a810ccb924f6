package respawn

import "syscall"

// signalText is what the original prints behind the name of a signal.
func signalText(sig syscall.Signal) string {
	switch sig {
	case syscall.SIGKILL:
		return "Kill, unblockable"
	case syscall.SIGTERM:
		return "Termination"
	case syscall.SIGSEGV:
		return "Segmentation violation"
	case syscall.SIGABRT:
		return "Abort"
	case syscall.SIGHUP:
		return "Hangup"
	case syscall.SIGINT:
		return "Interrupt"
	case syscall.SIGBUS:
		return "BUS error"
	case syscall.SIGFPE:
		return "Floating-point exception"
	case syscall.SIGILL:
		return "Illegal instruction"
	case syscall.SIGPIPE:
		return "Broken pipe"
	}
	return sig.String()
}
