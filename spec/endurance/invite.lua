--- Breaks off runs of aitronos-invite, by kill -9, losses of power and full disks, resumes each
--- until it is done, and compares the sandbox, the report and the list.
--- Usage: invite.lua [KILLS [ROWS [SEED]]]. The seed is printed: the same one kills at the same
--- places of the journal.

local property = require "spec.support.property"
local runs = require "spec.support.broken_runs"
local sandbox = require "spec.support.sandbox"
local shell = require "spec.support.shell"
local socket = require "socket"

local kills_wanted = tonumber(arg[1]) or 200
local row_count = tonumber(arg[2]) or 2000
local seed = tonumber(arg[3]) or os.time() % 1000000

local LUA = os.getenv("LUA_COMMAND") or "lua5.3"
local FAULTS = { passing = runs.PASSING, lasting = runs.LASTING, every = 15 }
local KILLS_A_RUN = 12
local LONGEST_LIFE = 3
local MOST_RESUMES = 300
local MOST_FAULTS = 100

local random = property.random(seed)
local server = sandbox.start()
local folder = os.tmpname()
os.remove(folder)
shell.run("mkdir " .. folder)

local total = {
  runs = 0, kills = 0, losses = 0, full = 0, starts = 0, rows = 0, posts = 0, doubles = 0,
  missing = 0, faults = 0, bytes = 0,
}

-- ## One list

local function new_list(name, place)
  local path = folder .. "/" .. name
  local rows, text = runs.people(row_count, random, FAULTS)
  shell.write_file(path .. ".csv", text)
  server.reset()
  return {
    rows = rows, output = path .. ".out", synced = path .. ".synced",
    journal = (place or folder) .. "/" .. name .. ".journal",
    report = path .. ".jsonl",
    csv = path .. ".csv",
    -- At full speed the list is through at once: half of the runs take their time.
    rate = random(1, 2) == 1 and "12000" or nil,
  }
end

local function start(list, hooks)
  local words = {
    LUA, hooks and "spec/support/invite_hooked.lua" or "bin/aitronos-invite", "--org",
    "org_xyz789", "--role", "role_member", "--file", list.csv, "--skip-invalid", "--journal",
    list.journal, "--report", list.report,
  }
  if list.rate then
    words[#words + 1], words[#words + 2] = "--rate", list.rate
  end
  local environment = hooks or {}
  environment.FREDDY_API_KEY = "sandbox_unlimited"
  environment.AITRONOS_BASE_URL = server.base_url
  total.starts = total.starts + 1
  return runs.start(words, environment, list.output)
end

-- Waits until it has written so much more, or for so long.
local function await_moment(process, list)
  local size = runs.size(list.journal)
  local goal = size + random(0, 60000)
  local least, seconds = size, random(1, LONGEST_LIFE * 1000) / 1000
  local stop
  process:await(function()
    local now = socket.gettime()
    size = runs.size(list.journal)
    stop = stop or size > least and now + seconds
    return size >= goal or stop and now > stop
  end)
end

local COMPLETE = { [0] = true, [3] = true }

local function say(name, list, broken, exit, result)
  print(("%-22s %5d %6d %6d %6d %7d %8d  exit %d"):format(name, broken, result.rows, result.posts,
    result.doubles, result.missing, #result.faults, exit))
  for i = 1, math.min(#result.faults, 100) do
    print("    " .. result.faults[i])
  end
  if not COMPLETE[exit] then
    print(runs.read(list.output))
  end
  io.stdout:flush()
end

-- A run that ended by itself, and said so in full.
local function judge(name, list, broken, exit)
  local result = runs.judge(server, list.rows, list.report, true)
  result.faults[#result.faults + 1] =
    runs.fault_of_sum(result, runs.read(list.output))
  say(name, list, broken, exit, result)
  total.runs, total.rows = total.runs + 1, total.rows + result.rows
  for _, field in ipairs { "posts", "doubles", "missing" } do
    total[field] = total[field] + result[field]
  end
  total.faults = total.faults + #result.faults + (COMPLETE[exit] and 0 or 1)
  for outcome, count in pairs(result.outcomes) do
    total[outcome] = (total[outcome] or 0) + count
  end
end

-- ## Ways to be broken off

local function killed(name, power)
  local list = new_list(name)
  local hooks = power and { SYNCED = list.synced } or nil
  local broken, process = 0, nil
  while broken < KILLS_A_RUN and total.kills < kills_wanted do
    process = start(list, hooks)
    await_moment(process, list)
    if not process:kill() then
      break
    end
    broken, total.kills = broken + 1, total.kills + 1
    if power then
      total.losses = total.losses + 1
      total.bytes = total.bytes + runs.lose_power(list.journal, list.synced, random)
    end
  end
  if not process.exit then
    process = start(list, hooks)
    process:finish()
  end
  judge(name, list, broken, process.exit)
end

-- What a run must say that found no more space.
local function check_stopped(list, exit)
  local words = runs.read(list.output)
  if exit ~= 1 or not words:find("cannot %l+ [^\n]*: No space left on device")
    and not words:find("cannot %l+ [^\n]*: File too large") then
    total.faults = total.faults + 1
    print(("no space left, exit %s:\n%s"):format(exit, words))
  end
  -- Its report may have found no space either.
  if runs.size(list.report) > 0 then
    for _, fault in ipairs(runs.judge(server, list.rows, list.report, false).faults) do
      total.faults = total.faults + 1
      print("    " .. fault)
    end
    os.remove(list.report)
  end
end

-- There is a little more space each time, until it suffices.
local function out_of_space(name, place, grow)
  local list = new_list(name, place)
  local broken = 0
  local exit = start(list, grow()):finish()
  while not COMPLETE[exit] and broken < MOST_RESUMES and total.faults < MOST_FAULTS do
    check_stopped(list, exit)
    broken, total.full = broken + 1, total.full + 1
    exit = start(list, grow()):finish()
  end
  judge(name, list, broken, exit)
end

local function limited_file(name)
  local limit = 0
  out_of_space(name, nil, function()
    limit = limit + random(1, 100000)
    return { SIZE_LIMIT = tostring(limit) }
  end)
end

local function full_disk(name)
  local place = folder .. "/disk"
  local mount = "mkdir %s && mount -t tmpfs -o size=16k none %s 2>&1 && echo mounted"
  if shell.output_of(mount:format(place, place)) == "mounted\n" then
    local pages = 4
    out_of_space(name, place, function()
      pages = pages + random(1, 25)
      shell.run(("mount -o remount,size=%dk %s"):format(pages * 4, place))
    end)
    shell.run("umount " .. place)
  else
    print(name .. ": no file system of its own can be mounted here")
  end
  shell.run("rmdir " .. place)
end

-- ## All of it

print(("seed %d, %s, lists of %d rows"):format(seed, LUA, row_count))
print(("%-22s %5s %6s %6s %6s %7s %8s"):format("", "times", "rows", "POSTs", "twice", "missing",
  "faults"))
full_disk("full-disk")
limited_file("limited-file")
local number = 0
while total.kills < kills_wanted and total.faults < MOST_FAULTS do
  number = number + 1
  local power = number % 3 == 0
  killed((power and "power-" or "kill-") .. number, power)
end
print(("%d runs, started %d times, %d kills, %d of them with power lost (%d bytes), %d times no "
  .. "space"):format(total.runs, total.starts, total.kills, total.losses, total.bytes, total.full))
print(("%d rows, %d POSTs: %d made, %d there already, %d refused, %d unknown"):format(total.rows,
  total.posts, total.made or 0, total.existing or 0, total.rejected or 0, total.unknown or 0))
print(("%d made twice, %d missing, %d faults"):format(total.doubles, total.missing, total.faults))
server.stop()
shell.run("rm -rf " .. folder)
os.exit(total.doubles + total.missing + total.faults == 0 and 0 or 1)
