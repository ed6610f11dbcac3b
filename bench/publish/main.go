// Command publish makes of what the benchmarks have left in bench/results their plots there, the README's section on
// performance and docs/performance.md. It works in the repository's top folder.
//
//	go run ./bench/publish
//	go run ./bench/publish build/bench.results/results.json            # prints the tables of a file, and no more
//	go test -run '^$' -bench . ./tcmu | go run ./bench/publish --native VERSION
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/pflag"

	"github.com/tcmud/tcmud/bench/report"
)

// results is where those are kept that the documents are made from.
const results = "bench/results"

func main() {
	version := pflag.String("native", "", "`version` of tcmud whose benchmarks go test prints on standard input: keep them too")
	pflag.Parse()
	var err error
	switch {
	case *version != "":
		err = keepNative(*version)
	case pflag.NArg() > 0:
		err = show(pflag.Args())
	default:
		err = publish()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "publish:", err)
		os.Exit(1)
	}
}

func publish() error {
	runs, err := report.Load(results)
	if err != nil {
		return err
	}
	for _, r := range runs {
		err = errors.Join(err, r.Plots(results))
	}
	return errors.Join(err, report.Rewrite("README.md", report.Summary(runs)), report.Rewrite("docs/performance.md", report.Whole(runs)))
}

func show(files []string) error {
	for _, file := range files {
		r, err := report.LoadFile(file)
		if err != nil {
			return err
		}
		fmt.Print(r.Text())
	}
	return nil
}
