"""Libraries of Python, over kept connections. Usage: LIBRARY ENDPOINT COUNT [CONCURRENCY]"""

import sys

HEADERS = {"Accept": "application/json", "X-API-Key": "sandbox_unlimited"}
BODY = {"email": "newmember@example.com", "role_id": "role_member", "send_invitation": True}


def with_requests(endpoint, count):
    import requests

    with requests.Session() as session:
        for _ in range(count):
            answer = session.post(endpoint, headers=HEADERS, json=BODY)
            assert answer.status_code == 201 and answer.json()["invitation_id"]


def with_httpx(endpoint, count):
    import httpx

    with httpx.Client() as client:
        for _ in range(count):
            answer = client.post(endpoint, headers=HEADERS, json=BODY)
            assert answer.status_code == 201 and answer.json()["invitation_id"]


def with_aiohttp(endpoint, count, concurrency):
    import asyncio
    import aiohttp

    async def invite(session, numbers):
        for _ in numbers:
            async with session.post(endpoint, headers=HEADERS, json=BODY) as answer:
                assert answer.status == 201 and (await answer.json())["invitation_id"]

    async def run():
        numbers = iter(range(count))
        async with aiohttp.ClientSession() as session:
            await asyncio.gather(*(invite(session, numbers) for _ in range(concurrency)))

    asyncio.run(run())


globals()["with_" + sys.argv[1]](sys.argv[2], *map(int, sys.argv[3:]))
