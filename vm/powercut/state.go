package main

import "fmt"

// The storm is steps 0, 1, 2 ... of host A and host B, four to a round. Each leaves another state of the unit's
// reservations, so that a state tells how far the storm had come:
//
//	4n    A registers the key 4n
//	4n+1  A reserves, Write Exclusive - Registrants Only
//	4n+2  B registers the key 4n+2
//	4n+3  A releases
//
// Keys are one more than that, since 0 is none.
type step int

// state is what READ KEYS and READ RESERVATION tell.
type state struct {
	Keys   string `json:"keys"`   // in ascending order
	Holder string `json:"holder"` // key of the reservation's holder; "" while there is none
}

// after is the state that a step leaves; that of step -1 is the one before all.
func after(s step) state {
	var st state
	last := func(position step) step { // the latest step at that position of a round, up to s
		return s - (s-position+4)%4
	}
	for _, k := range []step{min(last(0), last(2)), max(last(0), last(2))} {
		if k >= 0 {
			st.Keys += fmt.Sprintf("%d ", k+1)
		}
	}
	if s >= 0 && (s%4 == 1 || s%4 == 2) {
		st.Holder = fmt.Sprint(last(0) + 1)
	}
	return st
}

// reached is the step that left a state: one of those from the first to the last.
func reached(st state, first, last step) (step, error) {
	for s := first; s <= last; s++ {
		if after(s) == st {
			return s, nil
		}
	}
	return 0, fmt.Errorf("%+v is none of what the steps %d to %d leave: from %+v to %+v", st, first, last, after(first), after(last))
}
