class _D:
    def __init__(self, field, reverse=False):
        self.field = field


class ManyToManyDescriptor(_D): ...


class ReverseManyDescriptor(_D): ...


class ReverseOneDescriptor(_D): ...
