"""What `book.author` and `author.profile` share: an attribute with one related object, loaded or a stub."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vivace.orm.instances import is_partial, make_stub

if TYPE_CHECKING:
    from vivace.orm.base import Model
    from vivace.orm.instances import Origin


class Single:
    """A relation to one object: `own` is the attribute here, `other` the attribute there that must equal it."""

    slot: str

    @property
    def model(self) -> type[Model]:
        """The related model."""
        raise NotImplementedError

    @property
    def own(self) -> str:
        """The attribute of the instance."""
        raise NotImplementedError

    @property
    def other(self) -> str:
        """The attribute of the related object."""
        raise NotImplementedError

    def stub(self, origin: Origin | None, key: Any) -> Model:
        """The object of this key that is not loaded yet: one for each key of a result, so that equal rows share it."""
        if origin is None:
            return make_stub(self.model, self.other, key, (None, self))
        stubs = origin.stubs.setdefault(self.slot, {})
        found = stubs.get(key)
        if found is None:
            found = stubs[key] = make_stub(self.model, self.other, key, (origin, self))
        return found

    def missing(self, origin: Origin) -> list[Model]:
        """The stubs of all instances of a result whose related object is not loaded."""
        stubs: dict[int, Model] = {}
        for instance in origin.living():
            key = instance.__dict__.get(self.own)
            if key is None:
                continue
            related = getattr(instance, self.slot)
            if related is None:
                related = self.stub(origin, key)
            if is_partial(related) and related._stub_of is not None:
                stubs[id(related)] = related
        return list(stubs.values())
