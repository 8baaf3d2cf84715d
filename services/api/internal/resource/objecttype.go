package resource

// OfType returns the resource of an object type, "app_label.model", or nil.
func (s *Set) OfType(name string) *Resource {
	for _, r := range s.All {
		if r.Type != 0 && r.Type.String() == name {
			return r
		}
	}
	return nil
}
