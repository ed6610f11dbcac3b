package report

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
)

// Load reads what the benchmarks have left in a folder, a file for each run of one: none is no error.
func Load(dir string) (runs []Results, err error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		r, err := LoadFile(file)
		if err != nil {
			return nil, err
		}
		runs = append(runs, r)
	}
	return runs, nil
}

// LoadFile reads one of them.
func LoadFile(file string) (r Results, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return r, fmt.Errorf("%s: %w: run its benchmark again", file, err)
	}
	return r, nil
}

// Save writes r for people and programs to read.
func (r Results) Save(file string) error {
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}

// At names what was measured: a Sample without its round and values.
type At struct{ Suite, Fabric, Target, Workload string }

func (s Sample) at() At { return At{s.Suite, s.Fabric, s.Target, s.Workload} }

// Series is one value of something, round by round; missing where a round has none.
type Series map[int]float64

// Series is what r says of a value.
func (r Results) Series(at At, unit string) Series {
	s := Series{}
	for _, sample := range r.Samples {
		if v, ok := sample.Values[unit]; ok && sample.at() == at {
			s[sample.Round] = v
		}
	}
	return s
}

// Ratio is s over t, within each round that both have.
func (s Series) Ratio(t Series) Series {
	ratio := Series{}
	for round, v := range s {
		if w, ok := t[round]; ok && w != 0 {
			ratio[round] = v / w
		}
	}
	return ratio
}

// Median is the value in the middle, NaN if there is none.
func (s Series) Median() float64 {
	v := s.sorted()
	if len(v) == 0 {
		return math.NaN()
	}
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

// Range is the least and the greatest.
func (s Series) Range() (least, most float64) {
	v := s.sorted()
	if len(v) == 0 {
		return math.NaN(), math.NaN()
	}
	return v[0], v[len(v)-1]
}

func (s Series) sorted() (v []float64) {
	for _, x := range s {
		v = append(v, x)
	}
	slices.Sort(v)
	return v
}

// distinct is what f says of the samples that keep accepts, each once, in their order.
func (r Results) distinct(keep func(Sample) bool, f func(Sample) string) (all []string) {
	for _, s := range r.Samples {
		if name := f(s); keep(s) && !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return all
}
