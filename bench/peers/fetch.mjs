// Node's fetch. Usage: ENDPOINT COUNT CONCURRENCY
const [endpoint, count, concurrency] = process.argv.slice(2);
let left = Number(count);

async function invite() {
  while (left-- > 0) {
    const answer = await fetch(endpoint, {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        Accept: "application/json",
        "X-API-Key": "sandbox_unlimited",
      },
      body: JSON.stringify({
        email: "newmember@example.com", role_id: "role_member", send_invitation: true,
      }),
    });
    if (answer.status !== 201 || !(await answer.json()).invitation_id)
      throw new Error(`HTTP ${answer.status}`);
  }
}

await Promise.all(Array.from({ length: Number(concurrency) }, invite));
