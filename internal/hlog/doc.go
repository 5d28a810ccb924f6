// Package hlog writes the logs of heartbeatd in the forms that operators and
// log scripts know from Heartbeat 3.0.6 (heartbeat-behaviour 1.1).
//
// Data flow: Logger.Log makes a record, stamps it with the time and appends it
// to a bounded queue; that never blocks, so a core loop may log. One goroutine
// drains the queue and hands every record to the sinks (log file, debug file,
// syslog, standard error). Each sink is a logrus logger with one of
// our formatters and one of our writers.
//
// Invariants:
//   - the order of lines in one sink is the order of the Log calls;
//   - a full queue drops the newest records and later says how many;
//   - a sink that fails never stops the others and never returns an error to
//     the caller: it reports the outage once, to the other sinks;
//   - text from the network cannot forge lines: control characters are shown
//     in escaped form.
package hlog
