package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTestCount(t *testing.T) {
	tests := []struct {
		name, output, closing string
		err                   string
	}{
		{"all pass",
			"=== RUN   TestA\n--- PASS: TestA (0.00s)\n=== RUN   TestB\n--- PASS: TestB (1.20s)\nPASS\n",
			"2 passed, 0 failed\n", ""},
		{"one fails",
			"=== RUN   TestA\n    a_test.go:9: no\n--- FAIL: TestA (0.00s)\n=== RUN   TestB\n--- PASS: TestB (0.00s)\nFAIL\n",
			"1 passed, 1 failed\n", "1 tests failed"},
		{"subtests are not counted",
			"=== RUN   TestA\n=== RUN   TestA/x\n--- FAIL: TestA (0.00s)\n    --- FAIL: TestA/x (0.00s)\n    --- PASS: TestA/y (0.00s)\nFAIL\n",
			"0 passed, 1 failed\n", "1 tests failed"},
		{"a skip has its reason",
			"=== RUN   TestA\n    a_test.go:9: needs two hosts\n--- SKIP: TestA (0.00s)\n=== RUN   TestB\n--- PASS: TestB (0.00s)\nPASS\n",
			"skipped TestA: needs two hosts\n1 passed, 0 failed\n", ""},
		{"a subtest's skip too",
			"=== RUN   TestA\n=== RUN   TestA/x\n    a_test.go:9: no disk\n--- PASS: TestA (0.00s)\n    --- SKIP: TestA/x (0.00s)\nPASS\n",
			"skipped TestA/x: no disk\n1 passed, 0 failed\n", ""},
		{"a crash fails the test that ran",
			"=== RUN   TestA\n--- PASS: TestA (0.00s)\n=== RUN   TestB\npanic: runtime error\n",
			"no verdict from TestB\n1 passed, 1 failed\n", "1 tests failed"},
		{"a verdict lost behind a partial line is a failure",
			"=== RUN   TestA\nprogress 50%--- PASS: TestA (0.00s)\nPASS\n",
			"no verdict from TestA\n0 passed, 1 failed\n", "1 tests failed"},
		{"no tests", "testing: warning: no tests to run\nPASS\n", "0 passed, 0 failed\n", "no test ran"},
		{"only skips",
			"=== RUN   TestA\n    a_test.go:9: why\n--- SKIP: TestA (0.00s)\nPASS\n",
			"skipped TestA: why\n0 passed, 0 failed\n", "no test ran"},
		{"nothing at all", "", "0 passed, 0 failed\n", "no test ran"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var count testCount
			for i := range len(test.output) { // in the smallest pieces
				n, err := count.Write([]byte{test.output[i]})
				require.NoError(t, err)
				require.Equal(t, 1, n)
			}
			var closing bytes.Buffer
			count.print(&closing)
			require.Equal(t, test.closing, closing.String())
			if test.err == "" {
				require.NoError(t, count.err())
			} else {
				require.EqualError(t, count.err(), test.err)
			}
		})
	}
}
