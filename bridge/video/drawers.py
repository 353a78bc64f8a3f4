"""What draws a scene's views: one composer for each view and size, in the scene's language."""

from __future__ import annotations

from bridge.video.settings import VideoSettings
from bridge.video.showing import Drawer, DrawerOpener
from bridge.video.worker import Drawers
from mixer.compose import Composer
from mixer.scene import Scene


def drawers(settings: VideoSettings) -> Drawers:
    """Makes composers by a worker's settings and a scene's words."""

    def for_scene(scene: Scene) -> DrawerOpener:
        def open_drawer(width: int, height: int) -> Drawer:
            return Composer(
                width,
                height,
                scene.language,
                scene.room,
                settings.letterbox,
                scene.names,
                scene.frames,
                settings.font,
                scene.fixed_grid,
            )

        return open_drawer

    return for_scene
