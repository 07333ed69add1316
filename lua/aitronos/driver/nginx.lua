--- Waits in nginx and OpenResty: the light thread yields, and the worker goes on serving.
---
--- Nginx has no way to wait for a descriptor of ours, but light threads can wait for a socket. So
--- each call that waits holds a connection to its client, from a pool, and is sent a byte when
--- there is something to do. Where the light thread ends before that, because it was killed or its
--- request aborted, the connection ends too, and with it the job.
local ngx = ngx

local POOL_IDLE_MS = 60000
local POOL_SIZE = 1024
-- Nothing else than the byte ends a wait: a job has its deadline, which its client keeps.
local WAIT_MS = 2147483647
-- Where no connection is to be had.
local POLL_SECONDS = 0.005

local CAN_WAIT = {
  rewrite = true, server_rewrite = true, access = true, content = true, timer = true,
  ssl_certificate = true, ssl_session_fetch = true, ssl_client_hello = true, preread = true,
}

---@type aitronos.Driver
local nginx = {}

---@return string|nil why a call can't wait here
function nginx.refusal()
  local phase = ngx.get_phase()
  if not CAN_WAIT[phase] then
    return "cannot wait in nginx's " .. phase .. " phase: use client:submit(), which does not "
      .. "wait, or wait in a timer (ngx.timer.at(0, …))"
  end
end

local function connect(address, pool)
  local socket = ngx.socket.tcp()
  socket:settimeouts(WAIT_MS, WAIT_MS, WAIT_MS)
  local connected = socket:connect(address, { pool = pool, pool_size = POOL_SIZE })
  return connected and socket
end

-- Until there is something to do, for this job or for those that nobody waits for.
local function park(client, job)
  local address, message, pool = client:bell(job)
  local socket = connect(address, pool)
  if job and job:done() then -- another light thread's turn, while this one connected
    return socket and socket:setkeepalive(POOL_IDLE_MS, POOL_SIZE)
  end
  if socket and socket:send(message) and socket:receive(1) then
    socket:setkeepalive(POOL_IDLE_MS, POOL_SIZE)
  elseif not (job and job:done()) then
    ngx.sleep(POLL_SECONDS)
  end
end

---@param client aitronos.Client
---@param job aitronos.Job
function nginx.wait(client, job)
  client:turn()
  while not job:done() do
    park(client, job)
    if not job:done() then
      client:turn()
    end
  end
end

return nginx
