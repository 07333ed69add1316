--- Runs the clients of bench/clients.lua beside each other in rounds, and prints a markdown table.
--- Usage: bench/with lua5.4 bench/compare.lua
---
--- A figure is that of a run that sends so many invitations and one, less that of a run that sends
--- one (or what the case says): start and end drop out. Ratios are those of a round, whose runs
--- follow each other. In the environment ROUNDS, N (how many to send, where the case does not say)
--- and ONLY (the cases with that in their name).

local ROUNDS = tonumber(os.getenv "ROUNDS") or 5
local N = tonumber(os.getenv "N") or 2000
local ONLY = os.getenv "ONLY" or ""
local PATH = "/v1/organizations/org_xyz789/invite-user"

local function output_of(command)
  local pipe = assert(io.popen(command))
  local output = pipe:read "*a"
  assert(pipe:close(), command .. " failed")
  return (output:gsub("%s+$", ""))
end

-- ## A run

local last_processor = tonumber(output_of "nproc") - 1

-- A client has the first processor. Where both are busy at the same time the server has the last,
-- else the first, too: a processor that is idle in between takes long to wake up.
local function place_server(case)
  local processor = case.at_once and last_processor or 0
  output_of(("taskset -cp %d %s"):format(processor, os.getenv "SERVER"))
end

---@return number seconds
---@return number seconds of CPU
---@return number peak RSS in KiB
local function measure(case, client, count)
  local words = {
    URL = os.getenv(case.url), PATH = PATH, COUNT = count, AT_ONCE = case.at_once,
  }
  local took = output_of("taskset -c 0 build/bench/measure " .. client[2]:gsub("%$([%u_]+)", words))
  local seconds, cpu, rss = took:match "^(%S+) (%S+) (%S+)$"
  return tonumber(seconds), tonumber(cpu), tonumber(rss)
end

-- To each of a client's lists of figures it adds one.
local function add_round(case, client)
  local count = client.count or math.ceil((case.count or N) / (client.one_in or 1))
  local left_out = case.left_out or 1
  local seconds, cpu, rss = measure(case, client, count + left_out)
  local less_seconds, less_cpu = measure(case, client, left_out)
  local round = #client.rate + 1
  client.rate[round] = count / (seconds - less_seconds)
  client.cpu[round] = (cpu - less_cpu) / count * 1e6
  client.rss[round] = rss / 1024
  client.rate_ratio[round] = client.rate[round] / case[1].rate[round]
  client.cpu_ratio[round] = client.cpu[round] / case[1].cpu[round]
end

-- ## All of them

local function chosen_cases()
  local chosen = {}
  for _, case in ipairs(dofile "bench/clients.lua") do
    if case.name:find(ONLY, 1, true) then
      chosen[#chosen + 1] = case
    end
  end
  return chosen
end

local function prepare(cases)
  for _, case in ipairs(cases) do
    for _, client in ipairs(case) do
      client.missing = client.needs and not os.execute(client.needs .. " >/dev/null 2>&1")
      client.rate, client.cpu, client.rss, client.rate_ratio, client.cpu_ratio = {}, {}, {}, {}, {}
    end
  end
end

local function run_case(case)
  place_server(case)
  for _, client in ipairs(case) do
    if not client.missing then
      add_round(case, client)
    end
  end
end

local function rounds_of(case)
  return math.min(ROUNDS, case.rounds or ROUNDS)
end

local function run(cases)
  for round = 1, ROUNDS do
    io.stderr:write(("round %d of %d\n"):format(round, ROUNDS))
    for _, case in ipairs(cases) do
      if round <= rounds_of(case) then
        run_case(case)
      end
    end
  end
end

-- ## The table

local function grouped(text)
  local rest = text
  repeat
    local more
    rest, more = rest:gsub("^(%d+)(%d%d%d)", "%1,%2")
  until more == 0
  return rest
end

local function sorted(list)
  local copy = {}
  for place, figure in ipairs(list) do
    copy[place] = figure
  end
  table.sort(copy)
  return copy
end

-- Median, least and most.
local function shown(form, list)
  local figures = sorted(list)
  local function at(place)
    return grouped(form:format(figures[place]))
  end
  return ("%s (%s–%s)"):format(at(math.floor((#figures + 1) / 2)), at(1), at(#figures))
end

local function row(...)
  print("| " .. table.concat({ ... }, " | ") .. " |")
end

local function print_client(client, is_first)
  if client.missing then
    return row(client[1], "not installed", "", "", "", "")
  end
  row(client[1],
    shown("%.0f", client.rate), is_first and "1" or shown("%.3f", client.rate_ratio),
    shown("%.1f", client.cpu), is_first and "1" or shown("%.2f", client.cpu_ratio),
    ("%.1f"):format(sorted(client.rss)[#client.rss]))
end

local function print_table(cases)
  print(("%s, `make bench`: medians of %d rounds (least–most). %s, %d processors,"):format(
    os.date "%Y-%m-%d", ROUNDS, output_of "sed -n 's/^model name.*: //p;T;q' /proc/cpuinfo",
    last_processor + 1))
  print(("Linux %s, libcurl %s, nginx %s, load %s."):format(output_of "uname -r",
    output_of "pkg-config --modversion libcurl", output_of "nginx -v 2>&1 | sed 's|.*/||'",
    output_of "cut -d' ' -f1 /proc/loadavg"))
  print()
  row("", "invitations a second", "rate, ×", "CPU µs each", "CPU, ×", "peak RSS, MiB")
  row("---", "---", "---", "---", "---", "---")
  for _, case in ipairs(cases) do
    local rounds = rounds_of(case) < ROUNDS and (" (%d rounds)"):format(rounds_of(case)) or ""
    row("*" .. case.name .. "*" .. rounds, "", "", "", "", "")
    for place, client in ipairs(case) do
      print_client(client, place == 1)
    end
  end
end

local cases = chosen_cases()
prepare(cases)
run(cases)
print_table(cases)
