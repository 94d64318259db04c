// Package stdio carries a process's input and output between its pipes, or
// its terminal, and stream connections (package openapi/guestwire).
//
// An Output reads what the program writes, numbers the bytes, and keeps them
// until the client has acknowledged them, within a bound. An Input takes what
// the client sends and says how far the program's pipe has taken it. Both
// outlive connections: a new one replaces the old one and goes on where that
// one stopped, so that neither a broken connection nor a restarted client
// loses or repeats a byte.
//
// An idle stream costs two goroutines at most and no buffer: memory for bytes
// is taken when bytes arrive, in chunks of one frame, and given back when
// they are acknowledged.
package stdio
