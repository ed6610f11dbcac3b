package main

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLook(t *testing.T) {
	at := place{1, 77}
	old, now := stamp{2, 9}.block(at), stamp{3, 4}.block(at)
	torn := func(n int) []byte { return slices.Concat(now[:n], old[n:]) }
	flipped := slices.Clone(now)
	flipped[300] ^= 1
	for name, test := range map[string]struct {
		block []byte
		want  string // error; "" for none
	}{
		"whole":               {now, ""},
		"zeros":               {make([]byte, blockSize), ""},
		"two writes":          {torn(256), "block 77 of disk 1 is torn, its beginning is of step 4 of boot 3"},
		"but for its end":     {torn(blockSize - 8), "torn"},
		"but for its head":    {torn(24), "torn"},
		"half of it is zeros": {slices.Concat(now[:256], make([]byte, 256)), "torn"},
		"the other half":      {slices.Concat(make([]byte, 256), now[256:]), "block 77 of disk 1 is torn, its beginning is of zeros"},
		"a bit":               {flipped, "torn"},
		"of another block":    {stamp{3, 4}.block(place{1, 78}), "block 77 of disk 1 is misplaced: it is that of block 78 of disk 1, step 4 of boot 3"},
		"of another disk":     {stamp{3, 4}.block(place{0, 77}), "misplaced: it is that of block 77 of disk 0"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := look(test.block, at)
			if test.want != "" {
				require.ErrorContains(t, err, test.want)
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.block, s.block(at), "the stamp tells what the block is")
		})
	}
}
