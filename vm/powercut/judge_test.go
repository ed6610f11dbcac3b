package main

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// The area is of four blocks, all of which were of step 7 of boot 1. In boot 2 come the steps of a case.
func TestJudge(t *testing.T) {
	old, zeros := stamp{1, 7}, stamp{}
	of := func(step int) stamp { return stamp{2, step} }
	plain := []operation{{write, 0, 2}, {write, 1, 2}}
	synchronized := append(slices.Clone(plain), operation{synchronize, 0, 4}, operation{write, 2, 2})
	fua := []operation{{writeFUA, 0, 2}, {write, 0, 1}, {zero, 1, 2}}
	atomic := []operation{{writeAtomic, 0, 3}, {write, 1, 1}}
	const lost, torn = "block 0: ", "is an atomic write, and torn"
	for name, test := range map[string]struct {
		steps    []operation
		answered int
		through  bool
		found    []stamp
		want     string // error; "" for none
	}{
		"what was cached may be lost":            {plain, 2, false, []stamp{old, old, old, old}, ""},
		"or be there in part":                    {plain, 2, false, []stamp{old, of(0), of(1), old}, ""},
		"or be there":                            {plain, 2, false, []stamp{of(0), of(1), of(1), old}, ""},
		"what was not answered too":              {plain, 0, false, []stamp{of(0), old, of(1), old}, ""},
		"a block that nobody wrote":              {plain, 2, false, []stamp{old, old, old, of(1)}, "block 3: step 1 of boot 2 is there"},
		"a stamp that was never sent":            {plain, 2, false, []stamp{of(2), old, old, old}, lost},
		"of a boot long ago":                     {plain, 2, false, []stamp{{1, 6}, old, old, old}, lost},
		"zeros that nobody wrote":                {plain, 2, false, []stamp{zeros, old, old, old}, lost},
		"synchronized":                           {synchronized, 4, false, []stamp{of(0), of(1), of(1), old}, ""},
		"and a later write":                      {synchronized, 4, false, []stamp{of(0), of(1), of(3), of(3)}, ""},
		"synchronized, and lost":                 {synchronized, 4, false, []stamp{old, of(1), of(1), old}, lost + "step 7 of boot 1 is there"},
		"synchronized, and an older one there":   {synchronized, 4, false, []stamp{of(0), of(0), of(1), old}, "block 1: step 0 of boot 2 is there"},
		"not yet synchronized":                   {synchronized, 2, false, []stamp{old, of(0), of(1), old}, ""},
		"FUA":                                    {fua, 1, false, []stamp{of(0), of(0), old, old}, ""},
		"FUA, and newer ones":                    {fua, 3, false, []stamp{of(1), zeros, old, old}, ""},
		"FUA, and lost":                          {fua, 1, false, []stamp{old, of(0), old, old}, lost},
		"FUA, without an answer":                 {fua, 0, false, []stamp{old, of(0), old, old}, ""},
		"FUA does not synchronize":               {fua, 3, false, []stamp{of(0), of(0), old, old}, ""},
		"atomic, and there":                      {atomic, 0, false, []stamp{of(0), of(0), of(0), old}, ""},
		"atomic, and not there":                  {atomic, 1, false, []stamp{old, old, old, old}, ""},
		"atomic, and overwritten":                {atomic, 2, false, []stamp{of(0), of(1), of(0), old}, ""},
		"atomic, not there, but what came after": {atomic, 2, false, []stamp{old, of(1), old, old}, ""},
		"atomic, and torn":                       {atomic, 0, false, []stamp{of(0), of(0), old, old}, torn},
		"atomic, torn and overwritten":           {atomic, 2, false, []stamp{old, of(1), of(0), old}, torn},
		"atomic with FUA, and lost":              {[]operation{{writeAtomicFUA, 0, 3}}, 1, false, []stamp{old, old, old, old}, lost},
		"atomic with FUA, and torn":              {[]operation{{writeAtomicFUA, 0, 3}}, 0, false, []stamp{old, of(0), of(0), old}, torn},
		"no write cache":                         {plain, 2, true, []stamp{of(0), of(1), of(1), old}, ""},
		"no write cache, and lost":               {plain, 2, true, []stamp{of(0), of(0), of(1), old}, "block 1: step 0 of boot 2 is there"},
		"no write cache, and no answer":          {plain, 1, true, []stamp{of(0), of(0), of(1), old}, ""},
		"zeros, synchronized, and lost":          {[]operation{{zero, 0, 3}, {synchronize, 0, 4}}, 2, false, []stamp{old, zeros, zeros, old}, lost},
	} {
		t.Run(name, func(t *testing.T) {
			h := history{2, test.through, []stamp{old, old, old, old}, test.steps, test.answered}
			err := h.judge(test.found)
			if test.want == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, test.want)
			}
		})
	}
}
