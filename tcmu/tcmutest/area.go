package tcmutest

// area is the data area.
type area struct {
	mem     []byte
	begin   int // of the area, in the map
	used    []bool
	scatter bool
}

// take finds n bytes of blocks, first fit, and appends their numbers to blocks; false if there are not enough.
func (a *area) take(blocks []int, n int) ([]int, bool) {
	for i := 0; i < len(a.used) && n > 0; i++ {
		if a.used[i] || a.scatter && i%2 == 1 {
			continue
		}
		a.used[i] = true
		blocks = append(blocks, i)
		n -= BlockSize
	}
	if n > 0 {
		a.release(blocks)
		return blocks[:0], false
	}
	return blocks, true
}

func (a *area) release(blocks []int) {
	for _, b := range blocks {
		a.used[b] = false
	}
}

// at is where block b is in the map.
func (a *area) at(b int) int { return a.begin + b*BlockSize }

// fill puts p, or Poison if p is nil, into the blocks. What is past p in the last block stays what it was.
func (a *area) fill(blocks []int, p []byte) {
	for _, b := range blocks {
		to := a.mem[a.at(b):][:BlockSize]
		if p != nil {
			p = p[copy(to, p):]
			continue
		}
		for i := range to {
			to[i] = Poison
		}
	}
}

// read appends the first n bytes of the blocks to p.
func (a *area) read(p []byte, blocks []int, n int) []byte {
	for _, b := range blocks {
		some := min(n, BlockSize)
		p = append(p, a.mem[a.at(b):][:some]...)
		n -= some
	}
	return p
}

// iovecs calls f for each run of neighbours among the blocks of n bytes.
func (a *area) iovecs(blocks []int, n int, f func(base, size int)) {
	for i := 0; i < len(blocks); {
		j := i + 1
		for j < len(blocks) && blocks[j] == blocks[j-1]+1 {
			j++
		}
		size := min(n, (j-i)*BlockSize)
		f(a.at(blocks[i]), size)
		n -= size
		i = j
	}
}
