"""The web process of an installation under fault, as a person with a browser has it."""

from dataclasses import dataclass

import httpx
import sqlalchemy as sa

from app.db.models import Project
from app.db.run_models import Run
from app.storage import Store
from tests import servers
from tests.chaos.site import Process, Site
from tests.jobs import processes


@dataclass
class Pages:
    """The web process of an installation, on a port of its own."""

    made: Site
    port: int
    slug: str

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self) -> httpx.Client:
        headers = {"Origin": self.address, "Accept": "application/json"}
        return httpx.Client(base_url=self.address, headers=headers, timeout=60)

    def train(self) -> tuple[str, int]:
        """Submit a training; the address of its page and the id of its job."""
        values = {"architecture": "conv2", "image_size": 32, "epochs": 2, "patience": 0, "batch_size": 16}
        with self.client() as client:
            answer = client.post(f"/p/{self.slug}/train", json=values)
        assert answer.status_code == 201, answer.text
        with self.made.database.read() as session:
            number = Run.number == answer.json()["run"]
            return answer.json()["url"], session.scalars(sa.select(Run.job_id).where(number)).one()

    def text(self, url: str) -> str:
        with httpx.Client(base_url=self.address, timeout=60) as client:
            answer = client.get(url)
        assert answer.status_code == 200, answer.text
        return answer.text


def open_pages(made: Site, store: Store | None = None) -> Pages:
    """Make a project, its pictures in ``store`` or that of the site, and start the web process."""
    project_id = processes.add_project(made.database, store or made.store)
    with made.database.read() as session:
        slug = session.get_one(Project, project_id).slug
    port = servers.free_port()
    start_web(made, port)
    return Pages(made, port, slug)


def start_web(made: Site, port: int) -> Process:
    """Start the web process and wait for its first answer."""
    web = made.start("-m", "app", "web", "--end-with-parent", port=port)

    def answers() -> bool:
        assert web.process.poll() is None, "the web process ended by itself"
        try:
            return httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    processes.wait_for("the first page", answers)
    return web
