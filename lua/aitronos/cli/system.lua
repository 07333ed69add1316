--- What the command asks of the system, by luaposix: a terminal, signals, a clock.

local signal = require "posix.signal"
local stat = require "posix.sys.stat"
local termio = require "posix.termio"
local time = require "posix.time"
local unistd = require "posix.unistd"

local floor = math.floor
local bit_off = -- luaposix takes flags as numbers, and Lua 5.1 has no operators for them
  function(flags, flag)
    return floor(flags / flag) % 2 == 1 and flags - flag or flags
  end

-- Which luaposix has no names for.
local SIGWINCH = 28
local SA_RESTART = 268435456 -- without it a write that a signal comes into fails

local system = {
  STDIN = unistd.STDIN_FILENO,
  STDOUT = unistd.STDOUT_FILENO,
  STDERR = unistd.STDERR_FILENO,
}

---@param descriptor integer
---@return boolean
function system.is_terminal(descriptor)
  return unistd.isatty(descriptor) == 1
end

--- Seconds that never go back.
---@return number
function system.clock()
  local now = time.clock_gettime(time.CLOCK_MONOTONIC)
  return now.tv_sec + now.tv_nsec / 1e9
end

--- What two paths have in common if they lead to the same file, be it there already or not.
---@param path string
---@return string
function system.file_id(path)
  local found = stat.stat(path)
  if found then
    return found.st_dev .. ":" .. found.st_ino
  end
  local folder, name = path:match("^(.*/)([^/]*)$")
  found = stat.stat(folder or ".")
  return found and found.st_dev .. ":" .. found.st_ino .. "/" .. (name or path) or path
end

local columns

local function ask_columns()
  local pipe = io.popen("stty size 2>/dev/null </dev/tty")
  columns = pipe and tonumber((pipe:read("*a") or ""):match("^%d+ (%d+)")) or false
  if pipe then
    pipe:close()
  end
end

--- How wide the terminal is; nil where it does not say.
---@return integer?
function system.columns()
  if columns == nil then
    ask_columns()
    signal.signal(SIGWINCH, function()
      columns = nil
    end, SA_RESTART)
  end
  return columns or nil
end

--- Calls it for Ctrl-C, and when asked to end. Not in the midst of C.
---@param handler fun(count: integer) how many times it was called, this one included
function system.on_interrupt(handler)
  local count = 0
  local function handle()
    count = count + 1
    handler(count)
  end
  signal.signal(signal.SIGINT, handle, SA_RESTART)
  signal.signal(signal.SIGTERM, handle, SA_RESTART)
end

--- A pipe whose reader is gone is an error of the write, and not the end of the process.
function system.outlive_readers()
  signal.signal(signal.SIGPIPE, signal.SIG_IGN)
end

--- Asks for a line on the terminal that it does not show; nil where there is none.
---@param prompt string
---@return string?
function system.read_secret(prompt)
  local tty = io.open("/dev/tty", "r+")
  if not tty or not system.is_terminal(system.STDIN) then
    return nil
  end
  local before = termio.tcgetattr(system.STDIN)
  local quiet = termio.tcgetattr(system.STDIN)
  quiet.lflag = bit_off(quiet.lflag, termio.ECHO)
  tty:write(prompt)
  tty:flush()
  -- Ctrl-C only ends the read at first, else the terminal would stay without its echo.
  local interrupted = false
  local before_that = signal.signal(signal.SIGINT, function()
    interrupted = true
  end)
  termio.tcsetattr(system.STDIN, termio.TCSAFLUSH, quiet)
  local line = tty:read("*l")
  termio.tcsetattr(system.STDIN, termio.TCSANOW, before)
  signal.signal(signal.SIGINT, before_that)
  tty:write("\n")
  tty:close()
  if interrupted then
    signal.raise(signal.SIGINT)
  end
  return line
end

return system
