--- Waits in nginx and OpenResty: the light thread yields, and the worker goes on serving.
---
--- Nginx has no way to wait for a descriptor of ours, but light threads can wait for a socket. So
--- each call that waits holds a connection to its client, from a pool, and is sent a byte when
--- there is something to do. Where the light thread ends before that, because it was killed or its
--- request aborted, the connection ends too, and with it the job.
local ngx = ngx

local POOL_IDLE_MS = 60000
local POOL_SIZE = 1024
-- Nothing but the byte ends a wait: a job has its deadline, which its client keeps.
local WAIT_MS = 2147483647
-- A semaphore's longest; whoever waits then waits again.
local GROUP_WAIT_SECONDS = 3600
-- Where no connection is to be had.
local POLL_SECONDS = 0.005

local CAN_WAIT = {
  rewrite = true, server_rewrite = true, access = true, content = true, timer = true,
  ssl_cert = true, ssl_session_fetch = true, ssl_client_hello = true, preread = true,
}

---@type aitronos.Driver
local nginx = {}

--- Why a call can't be made in this phase.
---@param waits boolean whether its caller means to wait for it
---@return string|nil
function nginx.refusal(waits)
  local phase = ngx.get_phase()
  if phase == "init" then
    return "nothing can be sent in nginx's init phase, before there is a worker: call in a timer "
      .. "(ngx.timer.at(0, …)) of the init_worker phase"
  elseif phase == "exit_worker" then
    return "nothing can be sent in nginx's exit_worker phase: nothing runs after it"
  elseif waits and not CAN_WAIT[phase] then
    return "cannot wait in nginx's " .. phase .. " phase: use client:submit(), which does not "
      .. "wait, or wait in a timer (ngx.timer.at(0, …))"
  end
end

local function connect(address, pool)
  local socket = ngx.socket.tcp()
  socket:settimeouts(WAIT_MS, WAIT_MS, WAIT_MS)
  return socket:connect(address, { pool = pool, pool_size = POOL_SIZE }) and socket
end

-- Nothing where there is no such socket.
local function wait_for_byte(socket, message)
  return socket and socket:send(message) and socket:receive(1)
end

-- Turns the client until `done()`, and sleeps in between until there is something to do: for this
-- job, or, without one, for those that nobody waits for.
local function turn_until(done, client, job)
  local socket
  local told = false
  while not done() do
    -- It raises where no descriptor is to be had; then there is another way to wait.
    local fine, address, message, pool = pcall(client.bell, client, job)
    told = false
    if fine and not done() then
      socket = socket or connect(address, pool)
    end
    -- While this light thread connected, another one's turn may have ended the job.
    if not done() then
      told = fine and wait_for_byte(socket, message)
      socket = told and socket
    end
    -- While it waited, the client may have been closed.
    if not told and not done() then
      client:turn()
      ngx.sleep(POLL_SECONDS)
    end
  end
  -- A byte asks for a turn, which may be for the sake of others.
  if told then
    pcall(client.turn, client)
  end
  -- Only now: the end of a connection cancels the job that it named last.
  if socket then
    socket:setkeepalive(POOL_IDLE_MS, POOL_SIZE)
  end
end

-- ## Many calls of one caller

-- group -> what its caller waits with, and which of its jobs have a light thread
local groups = setmetatable({}, { __mode = "k" })

local function wake(bell)
  if bell:count() < 0 then
    bell:post()
  end
end

-- The light thread of one job. Its caller is told when the job ends, and when it gives up its
-- place or wants it back.
local function follow(client, job, bell)
  local last = job:state()
  turn_until(function()
    local state = job:state()
    if state ~= last then
      last = state
      wake(bell)
    end
    return state == "done"
  end, client, job)
end

local function wait_for_group(client, group)
  local own = groups[group]
  if not own then
    own = { bell = require("ngx.semaphore").new(), threads = setmetatable({}, { __mode = "k" }) }
    groups[group] = own
  end
  while not group:done() do
    for _, job in ipairs(group:jobs()) do
      if not own.threads[job] then
        own.threads[job] = ngx.thread.spawn(follow, client, job, own.bell)
      end
    end
    if not group:done() then
      own.bell:wait(GROUP_WAIT_SECONDS)
    end
  end
end

local function wait_for(client, waited)
  if type(waited) == "table" then
    return wait_for_group(client, waited)
  end
  return turn_until(function() return waited:done() end, client, waited)
end

---@param client aitronos.Client
---@param job aitronos.Job|aitronos.Waited
function nginx.wait(client, job)
  local fine, err = pcall(wait_for, client, job)
  if not fine then
    job:cancel()
    error(err, 0)
  end
end

-- ## Jobs that nobody waits for

-- client -> those of it
local unattended = setmetatable({}, { __mode = "k" })

local function all_done(jobs)
  for job in pairs(jobs) do
    if job:done() then
      jobs[job] = nil
    end
  end
  return next(jobs) == nil
end

-- A light thread that lives for as long as there is one of them.
local function attend(_, client, jobs)
  local fine, err = pcall(turn_until, function() return all_done(jobs) end, client)
  unattended[client] = nil
  if not fine then
    error(err, 0)
  end
end

--- Sees to a job that was submitted, whatever the phase.
---@param client aitronos.Client
---@param job aitronos.Job
---@param in_turn boolean whether it was submitted in the middle of a turn, which will start it
function nginx.submitted(client, job, in_turn)
  local jobs = unattended[client] or {}
  jobs[job] = true
  if not unattended[client] then
    if not ngx.timer.at(0, attend, client, jobs) then
      return job:cancel() -- nobody would hear of its end
    end
    unattended[client] = jobs
  elseif not in_turn then
    client:turn()
  end
end

-- ## A rate that all workers keep together

local MAX_BURST = 1000

--- The time is cut into slots, one for each request that the rate allows; whoever enters a slot's
--- name into the dictionary first has it, and so its one request. The last `burst` slots may be
--- taken late. A worker that dies leaves nothing locked, and names go by themselves.
---@param dict string the name of a lua_shared_dict
---@param rate number requests per minute
---@param burst integer
---@return (fun(): number)|nil limiter 0 where a request may leave now, else seconds to wait
---@return string|nil fault
function nginx.limiter(dict, rate, burst)
  local shared = ngx.shared[dict]
  if not shared then
    return nil, "names no lua_shared_dict of nginx.conf"
  elseif burst > MAX_BURST then
    return nil, "goes with a burst of at most " .. MAX_BURST
  end
  local slot_seconds = 60 / rate
  local prefix = ("aitronos:%.17g:"):format(rate)
  local lifetime = slot_seconds * (burst + 1) + 1
  return function()
    ngx.update_time()
    local now = ngx.now()
    local current = math.floor(now / slot_seconds)
    for slot = current, current - burst + 1, -1 do
      if shared:add(prefix .. ("%.0f"):format(slot), true, lifetime) then
        return 0
      end
    end
    return (current + 1) * slot_seconds - now
  end
end

return nginx
