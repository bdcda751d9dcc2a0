"""Who gives pictures back and who draws do not wait for each other in a circle."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from app.db.models import ImageLease
from app.services import leases
from app.services.image_filter import ImageFilter
from app.services.queues import Order
from app.web.queues import Queue
from app.web.routes.label_items import Ask, renewed
from tests.labelling.bench import Bench
from tests.waiting import until

WAITING = sa.text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")


@pytest.mark.postgres
def test_renewed__waits_for_who_draws_before_it_gives_anything_back(postgres_database):
    bench = Bench(postgres_database, 2)
    back, kept = bench.images
    with postgres_database.write() as session:
        leases.take(session, bench.project_id, [back], "mika")

    def renew():
        queue, body = Queue(Order.UNLABELLED, ImageFilter(unlabelled=True)), Ask(release=[back], hold=[kept])
        with postgres_database.write() as session:
            return renewed(session, project_id=bench.project_id, holder="mika", queue=queue, body=body)

    with ThreadPoolExecutor(1) as pool:
        with postgres_database.write() as session:
            leases.one_at_a_time(session, bench.project_id)
            now = pool.submit(renew)
            until(lambda: session.scalar(WAITING) == 1)
            assert leases.take(session, bench.project_id, [back], "ken") == []  # mika has it still
        assert now.result(30) == {kept}
    with postgres_database.read() as session:
        assert list(session.execute(sa.select(ImageLease.image_id, ImageLease.holder))) == [(kept, "mika")]
