package cardplane

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// MaxCPU is the highest number of a CPU.
const MaxCPU = 8191

// ParseCPUSet reads numbers and ranges of CPUs, such as "0-3,8", and returns
// the numbers in ascending order, each once. An empty text names none.
func ParseCPUSet(text string) ([]int, error) {
	var cpus []int
	if text == "" {
		return nil, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, errFrom := strconv.ParseUint(first, 10, 16)
		to, errTo := strconv.ParseUint(last, 10, 16)
		if errFrom != nil || errTo != nil || from > to || to > MaxCPU {
			return nil, fmt.Errorf("%.60q is no set of CPUs: give numbers up to %d and ranges, such as 0-3,8", text, MaxCPU)
		}
		for n := from; n <= to; n++ {
			cpus = append(cpus, int(n))
		}
	}
	slices.Sort(cpus)
	return slices.Compact(cpus), nil
}
