package cardplane

import (
	"slices"
	"testing"
)

func TestParseCPUSet(t *testing.T) {
	for text, want := range map[string][]int{
		"": nil, "0": {0}, "0-3,8": {0, 1, 2, 3, 8}, "5,1-2,2": {1, 2, 5}, "8191": {8191},
	} {
		if got, err := ParseCPUSet(text); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"a", "3-1", "-1", "1-", "1,,2", " 1", "8192", "0-99999", "1-2-3"} {
		if got, err := ParseCPUSet(text); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}
