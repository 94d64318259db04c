package vhostvsock

import "testing"

func TestFifo(t *testing.T) {
	var q fifo[int]
	next, want := 0, 0
	for i := range 10_000 {
		for range i % 7 {
			q.push(next)
			next++
		}
		for q.len() > i%11 {
			if got := q.pop(); got != want {
				t.Fatalf("pop = %d, want %d", got, want)
			}
			want++
		}
	}
	if cap(q.items) > 100 {
		t.Errorf("array of %d for a queue of ten", cap(q.items))
	}
}

func TestConnList(t *testing.T) {
	var l connList
	conns := make([]conn, 5)
	for i := range conns {
		l.push(&conns[i])
		l.push(&conns[0]) // is in it already
	}
	l.remove(&conns[2])
	l.remove(&conns[2]) // is no longer in it
	l.remove(&conns[4])
	l.push(&conns[2])
	for _, want := range []int{0, 1, 3, 2} {
		if got := l.pop(); got != &conns[want] {
			t.Fatalf("pop is not connection %d", want)
		}
	}
	if !l.empty() || l.last != nil {
		t.Fatal("list is not empty")
	}
}
