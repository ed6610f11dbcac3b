// Command publish makes of what the benchmarks have left in bench/results their plots there, the README's section on
// performance and docs/performance.md. With files as arguments it prints their tables instead.
//
//	go run ./bench/publish
//	go run ./bench/publish build/bench.results/results.json
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/tcmud/tcmud/bench/report"
)

func main() {
	err := publish()
	if len(os.Args) > 1 {
		err = show(os.Args[1:])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "publish:", err)
		os.Exit(1)
	}
}

// publish works in the repository's top folder.
func publish() error {
	const dir = "bench/results"
	runs, err := report.Load(dir)
	if err != nil {
		return err
	}
	for _, r := range runs {
		err = errors.Join(err, r.Plots(dir))
	}
	return errors.Join(err, report.Rewrite("README.md", report.Summary(runs)), report.Rewrite("docs/performance.md", report.Whole(runs)))
}

func show(files []string) error {
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		var r report.Results
		if err := json.Unmarshal(text, &r); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		fmt.Print(r.Text())
	}
	return nil
}
