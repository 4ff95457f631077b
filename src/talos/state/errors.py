"""Errors of the resource state, told apart by what they mean, never by their text.

A caller branches on the class: a missing resource, a lost race, a resource of
somebody else and a resource that is going away each need a different next step.
"""

from __future__ import annotations


class StateError(Exception):
    """Base of everything that the state raises on purpose."""


class NotFoundError(StateError):
    """The resource does not exist."""


class AlreadyExistsError(StateError):
    """A resource with this namespace, type and id exists."""


class ConflictError(StateError):
    """The resource changed since it was read: read it again and repeat."""


class OwnerError(StateError):
    """The resource belongs to another owner."""


class PhaseError(StateError):
    """The resource is in another phase than the operation needs, most often it is being torn down."""


class PendingFinalizersError(StateError):
    """The resource cannot be destroyed while somebody holds a finalizer on it."""


class UnknownTypeError(StateError):
    """No resource type of this name is known here."""


class WatchOverflowError(StateError):
    """The reader of a watch was too slow: its buffer is full, and it must start again."""


class BookmarkError(StateError):
    """The bookmark is none of this store, or the changes since are no longer kept: watch from the beginning."""


class AccessError(StateError):
    """The caller has no right to this type or operation (a type that its controllers do not declare)."""


class UnavailableError(StateError):
    """The process that holds the state cannot be reached at the moment."""
