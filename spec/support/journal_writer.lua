-- A process that writes a journal:
--
--   journal_writer.lua endless PATH   prints its process id, and each key whose intent is synced,
--                                     until it is killed
--   journal_writer.lua limit PATH     the same with a limit to the size of the file, until it meets
--                                     that; prints why it failed, lifts the limit, and ends well

local journals = require "aitronos.journal"
local resource = require "posix.sys.resource"
local signal = require "posix.signal"
local unistd = require "posix.unistd"

local LIMIT = 3000

local mode, path = arg[1], arg[2]

local function limit_to(size)
  assert(resource.setrlimit(resource.RLIMIT_FSIZE, { rlim_cur = size, rlim_max = -1 }))
end

local function say(...)
  print(...)
  io.stdout:flush()
end

local journal = assert(journals.open(path, "org_xyz789"))
say(unistd.getpid())
if mode == "limit" then
  signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
  limit_to(LIMIT)
end

local count = 0
repeat
  count = count + 1
  local key = ("p%d@example.com"):format(count)
  journal:intend(key, "role_x")
  local synced, message = journal:sync()
  if synced then
    say(key)
    journal:finish(key, { line = count, outcome = "invited" })
    assert(count % 3 > 0 or journal:flush() or mode == "limit")
  else
    say(message)
    assert(mode == "limit", message)
  end
until not synced

limit_to(-1)
assert(journal:close())
