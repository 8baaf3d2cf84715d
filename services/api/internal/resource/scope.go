package resource

// sql returns the condition that a row of r under the alias is in the scope.
func (s Scope) sql(_ *Resource, _ string, _ func(any) string) string {
	if s.All {
		return "true"
	}
	return "false"
}
