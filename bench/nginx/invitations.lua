--- Invitations a second through nginx, and what each costs the worker, by this library and by
--- lua-resty-http, as a markdown table. Usage: invitations.lua FOLDER PORTS ROUNDS [RESTY_HTTP],
--- beside what bench/nginx/run starts.
local h2load = require "h2load"

local folder, ports, rounds, resty = arg[1], arg[2], tonumber(arg[3]), arg[4] or ""

-- A second, in the unit of processor time in /proc, on every Linux.
local TICKS = 100

local CASES = {
  { name = "kept connections", upstream = "plain", callers = 64, count = 20000 },
  { name = "kept connections", upstream = "plain", callers = 1, count = 5000 },
  { name = "new TLS connections", upstream = "resumed", callers = 64, count = 2000 },
  { name = "new TLS connections", upstream = "resumed", callers = 1, count = 500 },
  { name = "the same, no session resumed", upstream = "tls", callers = 64, count = 2000 },
  { name = "the same, no session resumed", upstream = "tls", callers = 1, count = 500 },
}

local UNITS = {
  { field = "rate", name = "a second" },
  { field = "loop", name = "that thread, µs" },
  { field = "cost", name = "all threads, µs" },
}

local function worker()
  local master = h2load.read(folder .. "/host.pid"):match("%d+")
  return h2load.read("/proc/" .. master .. "/task/" .. master .. "/children"):match("%d+")
end

-- What a stat file of /proc says of user and system time.
local function cpu_seconds(path)
  local fields = h2load.read(path):match("%) (.*)$")
  local user, system = fields:match("^" .. ("%S+ "):rep(11) .. "(%d+) (%d+)")
  return (user + system) / TICKS
end

local pid = worker()
local PROCESS = "/proc/" .. pid .. "/stat"
local LOOP = "/proc/" .. pid .. "/task/" .. pid .. "/stat"

local function run(case, with, count)
  return h2load.wait(h2load.start(("--clients %d --requests %d http://127.0.0.1:%s9/invite/%s/%s")
    :format(case.callers, count, ports, with, case.upstream)), count)
end

---@return table { rate: a second, loop, cost: microseconds of processor time each }
local function measure(case, with)
  run(case, with, case.callers) -- what happens once only
  local cost, loop = cpu_seconds(PROCESS), cpu_seconds(LOOP)
  local rate = run(case, with, case.count):match("([%d.]+) req/s")
  return {
    rate = tonumber(rate),
    loop = (cpu_seconds(LOOP) - loop) / case.count * 1e6,
    cost = (cpu_seconds(PROCESS) - cost) / case.count * 1e6,
  }
end

local NAMES = { aitronos = "aitronos", resty = "lua-resty-http" }
local WITH = { "aitronos", resty ~= "" and "resty" or nil }

local function print_case(name, seen)
  for place, with in ipairs(WITH) do
    local row = { place == 1 and name or "", NAMES[with] }
    for _, unit in ipairs(UNITS) do
      row[#row + 1] = h2load.spread(h2load.pluck(seen[with], unit.field), "%.0f")
    end
    h2load.print_row(row)
  end
  if not WITH[2] then
    return
  end
  local row = { "", "ratio" }
  for _, unit in ipairs(UNITS) do
    row[#row + 1] = h2load.ratio(h2load.pluck(seen.aitronos, unit.field),
      h2load.pluck(seen.resty, unit.field))
  end
  h2load.print_row(row)
end

print(("Invitations through nginx, and processor time of its worker for each: of the thread that"
  .. " serves\nrequests, and of all its threads. Median (lowest–highest) of %d rounds.\n")
  :format(rounds))
local head, line = { "", "" }, { "---", "---" }
for _, unit in ipairs(UNITS) do
  head[#head + 1] = unit.name
  line[#line + 1] = "---"
end
h2load.print_row(head)
h2load.print_row(line)

for _, case in ipairs(CASES) do
  local seen = { aitronos = {}, resty = {} }
  for round = 1, rounds do
    for _, with in ipairs(WITH) do
      seen[with][round] = measure(case, with)
    end
  end
  print_case(("%s, %d at once"):format(case.name, case.callers), seen)
end
if not WITH[2] then
  print("\nWithout lua-resty-http beside it: RESTY_HTTP names no folder that holds it.")
end
