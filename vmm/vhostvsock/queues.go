package vhostvsock

// connList is a queue of connections, each in it at most once, that a
// connection can leave from anywhere. It allocates nothing.
type connList struct {
	first, last *conn
}

func (l *connList) empty() bool { return l.first == nil }

func (l *connList) push(c *conn) {
	if c.queued {
		return
	}
	c.queued, c.prev, c.next = true, l.last, nil
	if l.last == nil {
		l.first = c
	} else {
		l.last.next = c
	}
	l.last = c
}

// pop takes the oldest connection; the list must not be empty.
func (l *connList) pop() *conn {
	c := l.first
	l.remove(c)
	return c
}

func (l *connList) remove(c *conn) {
	if !c.queued {
		return
	}
	if c.prev == nil {
		l.first = c.next
	} else {
		c.prev.next = c.next
	}
	if c.next == nil {
		l.last = c.prev
	} else {
		c.next.prev = c.prev
	}
	c.queued, c.prev, c.next = false, nil, nil
}

// fifo is a queue in one array, which it keeps.
type fifo[T any] struct {
	items []T
	head  int
}

func (q *fifo[T]) len() int { return len(q.items) - q.head }

func (q *fifo[T]) push(v T) {
	if q.head == len(q.items) {
		q.items, q.head = q.items[:0], 0
	} else if q.head > len(q.items)/2 && len(q.items) == cap(q.items) {
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
	}
	q.items = append(q.items, v)
}

// pop takes the oldest item; the queue must not be empty.
func (q *fifo[T]) pop() T {
	var zero T
	v := q.items[q.head]
	q.items[q.head] = zero
	q.head++
	return v
}

func (q *fifo[T]) clear() {
	clear(q.items)
	q.items, q.head = q.items[:0], 0
}
