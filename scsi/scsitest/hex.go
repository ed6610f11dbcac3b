package scsitest

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// Hex is the bytes that strings of hexadecimal digits stand for. Fields are set apart by spaces as one likes, and
// "00*12" is twelve bytes of 00h. It panics where a test is misspelt.
func Hex(s ...string) []byte {
	var p []byte
	for _, field := range strings.Fields(strings.Join(s, " ")) {
		digits, times, repeated := strings.Cut(field, "*")
		n := 1
		if repeated {
			var err error
			if n, err = strconv.Atoi(times); err != nil {
				panic(fmt.Sprintf("scsitest: %q: %v", field, err))
			}
		}
		b, err := hex.DecodeString(digits)
		if err != nil {
			panic(fmt.Sprintf("scsitest: %q: %v", field, err))
		}
		p = append(p, bytes.Repeat(b, n)...)
	}
	return p
}
