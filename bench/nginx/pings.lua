--- What invitations do to other requests of the same worker: how long a /ping takes while fifty
--- invitations a second are under way, beside the same while nothing is, as a markdown table.
--- Usage: pings.lua FOLDER PORTS ROUNDS, beside what bench/nginx/run starts.
local h2load = require "h2load"

local folder, ports, rounds = arg[1], arg[2], tonumber(arg[3])

local HOST = ("http://127.0.0.1:%s9"):format(ports)
local PINGS = 1250
local PING_MS = 4
local INVITATIONS = 400
local INVITATION_MS = 20
local STALL_MS = 5

local CASES = {
  { name = "nothing" },
  { name = "plain HTTP", upstream = "slow" },
  { name = "a new TLS connection each", upstream = "slowtls" },
  { name = "a name that DNS does not answer for", upstream = "hanging", kind = "5xx" },
}

local SCRIPT = folder .. "/pings"
local PING_LOG = folder .. "/pings.log"
local INVITATION_LOG = folder .. "/invitations.log"

-- A ping every few milliseconds on one connection, late only where those before it are.
local function write_script()
  local file = assert(io.open(SCRIPT, "w"))
  for i = 0, PINGS - 1 do
    file:write(i * PING_MS, "\t", HOST, "/ping\n")
  end
  assert(file:close())
end

---@return table[] requests
local function ping()
  h2load.wait(h2load.start(("--clients 1 --requests %d --timing-script-file %s --log-file %s")
    :format(PINGS, SCRIPT, PING_LOG)), PINGS)
  return h2load.read_log(PING_LOG)
end

-- They begin a second before the pings, so that as many of them end as begin, and end after them.
local function ping_beside(case)
  local invitations = h2load.start(("--clients %d --requests %d --rate 1 --rate-period %dms"
    .. " --log-file %s %s/invite/aitronos/%s"):format(INVITATIONS, INVITATIONS, INVITATION_MS,
    INVITATION_LOG, HOST, case.upstream))
  h2load.wait(h2load.start("--clients 1 --requests 50 --rps 50 " .. HOST .. "/ping"), 50)
  local pings = ping()
  h2load.wait(invitations, INVITATIONS, case.kind)
  local sent = h2load.read_log(INVITATION_LOG)
  assert(sent[#sent].start > pings[#pings].start, "no invitations under way beside the last pings")
  return pings
end

local function sum_up(pings)
  local times = h2load.pluck(pings, "time")
  local stalls = 0
  for _, time in ipairs(times) do
    stalls = stalls + (time > STALL_MS and 1 or 0)
  end
  return {
    p50 = h2load.quantile(times, 0.5) * 1e3,
    p99 = h2load.quantile(times, 0.99) * 1e3,
    longest = h2load.quantile(times, 1),
    stalls = stalls,
  }
end

write_script()
for _, case in ipairs(CASES) do
  case.rounds = {}
end
for round = 1, rounds do
  for _, case in ipairs(CASES) do
    case.rounds[round] = sum_up(case.upstream and ping_beside(case) or ping())
  end
end

print(("A /ping each %d ms, %d in each of %d rounds, beside %d invitations a second that an"
  .. " upstream\nanswers after 200 ms. Median (lowest–highest) of the rounds.\n")
  :format(PING_MS, PINGS, rounds, 1000 / INVITATION_MS))
h2load.print_row { "beside it", "p50, µs", "ratio", "p99, µs", "ratio", "longest, ms",
  "above " .. STALL_MS .. " ms" }
h2load.print_row { "---", "---", "---", "---", "---", "---", "---" }
local idle = CASES[1].rounds
for _, case in ipairs(CASES) do
  local row = { case.name }
  for _, field in ipairs { "p50", "p99" } do
    local times = h2load.pluck(case.rounds, field)
    row[#row + 1] = h2load.spread(times, "%.0f")
    row[#row + 1] = case.upstream and h2load.ratio(times, h2load.pluck(idle, field)) or ""
  end
  row[#row + 1] = h2load.spread(h2load.pluck(case.rounds, "longest"), "%.1f")
  local stalls = 0
  for _, seen in ipairs(case.rounds) do
    stalls = stalls + seen.stalls
  end
  row[#row + 1] = stalls
  h2load.print_row(row)
end
