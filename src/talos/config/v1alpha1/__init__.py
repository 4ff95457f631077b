"""The v1alpha1 document: machine and cluster sections, most of them superseded by documents of their own."""
