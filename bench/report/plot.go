package report

import (
	"fmt"
	"image/color"
	"path/filepath"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

// palette is told apart by people who see few colours too (Okabe and Ito), the kernel's own and the C handlers in grey.
var palette = map[string]color.Color{
	"rd_mcp": color.Gray{0x60}, "kernel fileio": color.Gray{0x90},
	"ceiling sleep": color.Gray{0xc8}, "ceiling spin": color.Gray{0xb8}, "ceiling copy sleep": color.Gray{0xa8}, "ceiling copy spin": color.Gray{0x78},
	"tcmu-runner": color.RGBA{0xe6, 0x9f, 0x00, 0xff}, "tcmu-runner 64k": color.RGBA{0xf0, 0xc8, 0x70, 0xff},
	"tcmud ramdisk": color.RGBA{0x00, 0x72, 0xb2, 0xff}, "tcmud fileio": color.RGBA{0x00, 0x9e, 0x73, 0xff},
	"tcmud fileio direct": color.RGBA{0x56, 0xb4, 0xe9, 0xff}, "tcmud null": color.RGBA{0xcc, 0x79, 0xa7, 0xff},
}

// Plots writes a picture (SVG) of each fabric and kind of workload to a folder.
func (r Results) Plots(dir string) error {
	for _, fabric := range r.distinct(func(s Sample) bool { return s.Suite == "compare" }, func(s Sample) string { return s.Fabric }) {
		for _, g := range groups(r.workloads("compare", fabric)) {
			name := map[string]string{"IOPS": "small", "MB/s": "large"}[g.unit]
			p, err := r.bars(fabric, g)
			if err == nil {
				err = p.Save(g.width(), 4*vg.Inch, filepath.Join(dir, fmt.Sprintf("%s-%s.svg", fabric, name)))
			}
			if err != nil {
				return fmt.Errorf("plot of %s: %w", fabric, err)
			}
		}
	}
	return nil
}

// How wide a workload's bars are, in inches, and how many workloads' width the legend takes beside the last.
const (
	workload = 2.0
	legend   = 0.3
)

// width is that of the picture, with what stands left of the bars.
func (g group) width() vg.Length {
	return (workload*(vg.Length(len(g.workloads))+0.6+legend) + 0.8) * vg.Inch
}

// bars has a group of bars for each workload, one for each target.
func (r Results) bars(fabric string, g group) (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text = "Over " + fabric + ", medians"
	p.Y.Label.Text = g.unit
	p.Y.Min = 0
	p.Legend.Top = true
	p.NominalX(g.workloads...)
	p.X.Min, p.X.Max = -0.6, float64(len(g.workloads))+legend
	targets := slices.DeleteFunc(r.targets("compare", fabric), func(target string) bool {
		return !slices.ContainsFunc(g.workloads, func(w string) bool { return len(r.Series(At{"compare", fabric, target, w}, g.unit)) > 0 })
	})
	width := workload * vg.Inch * 0.9 / vg.Length(len(targets))
	for i, target := range targets {
		var heights plotter.Values
		for _, w := range g.workloads {
			v := r.Series(At{"compare", fabric, target, w}, g.unit).Median()
			if v != v {
				v = 0 // not run on this target
			}
			heights = append(heights, v)
		}
		b, err := plotter.NewBarChart(heights, width)
		if err != nil {
			return nil, err
		}
		b.LineStyle.Width = 0
		b.Color = palette[target]
		b.Offset = width * (vg.Length(i) - vg.Length(len(targets)-1)/2)
		p.Add(b)
		p.Legend.Add(target, b)
	}
	return p, nil
}
