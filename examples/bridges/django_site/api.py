"""Django REST framework: a router with one viewset, and its browsable pages."""

from __future__ import annotations

from django.contrib.auth.models import Group
from rest_framework import routers, serializers, viewsets


class GroupSerializer(serializers.HyperlinkedModelSerializer):
    """Its `url` is absolute."""

    class Meta:
        model = Group
        fields = ["url", "name"]


class GroupViewSet(viewsets.ModelViewSet):
    """List, create, retrieve, update, delete."""

    queryset = Group.objects.order_by("id")
    serializer_class = GroupSerializer


router = routers.DefaultRouter()
router.register("groups", GroupViewSet)
