"""Controllers of the domain v1alpha1."""
