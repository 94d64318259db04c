package rules

import (
	"errors"
	"slices"
	"sync"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
)

// builder collects the transaction that makes the tables.
type builder struct {
	conn   *nftables.Conn
	rules  Ruleset
	table  *nftables.Table
	failed error
}

// begin begins the table of that family anew: one that exists is removed.
func (b *builder) begin(family nftables.TableFamily) {
	b.table = &nftables.Table{Name: b.rules.Table, Family: family}
	b.conn.AddTable(b.table)
	b.conn.DelTable(b.table)
	b.conn.AddTable(b.table)
}

// chain makes a chain that others lead to.
func (b *builder) chain(name string) *nftables.Chain {
	return b.conn.AddChain(&nftables.Chain{Name: name, Table: b.table})
}

// base makes a chain that packets come to by themselves.
func (b *builder) base(name string, kind nftables.ChainType, hook *nftables.ChainHook, priority nftables.ChainPriority) *nftables.Chain {
	policy := nftables.ChainPolicyAccept
	return b.conn.AddChain(&nftables.Chain{Name: name, Table: b.table, Type: kind, Hooknum: hook, Priority: &priority, Policy: &policy})
}

// add appends a rule, of parts, to a chain.
func (b *builder) add(c *nftables.Chain, parts ...match) {
	b.conn.AddRule(&nftables.Rule{Table: b.table, Chain: c, Exprs: rule(parts...)})
}

// elementsAtOnce bounds a message, whose attributes have at most 64 KiB.
const elementsAtOnce = 200

// set makes a named set, or a map to verdicts if isMap.
func (b *builder) set(name string, isMap bool, elements []nftables.SetElement, key ...nftables.SetDatatype) *nftables.Set {
	s := &nftables.Set{Name: name, Table: b.table, KeyType: key[0], IsMap: isMap}
	if len(key) > 1 {
		s.KeyType = nftables.MustConcatSetType(key...)
		s.Concatenation = true
	}
	if isMap {
		s.DataType = nftables.TypeVerdict
	}
	numbering.Lock()
	b.note(b.conn.AddSet(s, nil))
	numbering.Unlock()
	for part := range slices.Chunk(elements, elementsAtOnce) {
		b.note(b.conn.SetAddElements(s, part))
	}
	return s
}

// numbering is held while a set gets its number, which the library counts for
// all connections.
var numbering sync.Mutex

func (b *builder) note(err error) { b.failed = errors.Join(b.failed, err) }

// element is one of a set whose keys are a link and an address behind it.
func element(link string, address []byte) nftables.SetElement {
	key := append(nameOf(link), address...)
	for len(key)%4 != 0 {
		key = append(key, 0)
	}
	return nftables.SetElement{Key: key}
}

// foreign matches frames whose address, of the header's bytes, is none that
// may be behind the link which they came by; known matches the others.
func foreign(s *nftables.Set, base expr.PayloadBase, offset, length uint32) match {
	return behind(s, base, offset, length, true)
}

func own(s *nftables.Set, base expr.PayloadBase, offset, length uint32) match {
	return behind(s, base, offset, length, false)
}

func behind(s *nftables.Set, base expr.PayloadBase, offset, length uint32, invert bool) match {
	return match{
		meta(expr.MetaKeyIIFNAME), load(second, base, offset, length),
		&expr.Lookup{SourceRegister: first, SetID: s.ID, SetName: s.Name, Invert: invert},
	}
}

// dispatch does what the map says for the link under key; what it does not
// name goes on.
func dispatch(key expr.MetaKey, m *nftables.Set) match {
	return match{meta(key), &expr.Lookup{SourceRegister: first, IsDestRegSet: true, SetID: m.ID, SetName: m.Name}}
}
