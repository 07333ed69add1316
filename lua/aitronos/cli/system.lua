--- What the command asks of the system, by luaposix: a terminal, a clock. Signals are counted by
--- the core. Luaposix has a hook call their handlers: in LuaJIT that may give the function which is
--- just being called one argument more, and compiled code runs no hooks.

local core = require "aitronos.core"
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

local columns, resized

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
  if resized == nil then
    core.watch_signal(SIGWINCH, true)
  end
  if resized ~= core.signal_count(SIGWINCH) then
    resized = core.signal_count(SIGWINCH)
    ask_columns()
  end
  return columns or nil
end

--- From now on neither Ctrl-C nor being asked to end does anything but count.
function system.watch_interrupts()
  -- Else a write that one comes into fails.
  core.watch_signal(signal.SIGINT, true)
  core.watch_signal(signal.SIGTERM, true)
end

--- How often they came since.
---@return integer
function system.interrupts()
  return core.signal_count(signal.SIGINT) + core.signal_count(signal.SIGTERM)
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
  core.watch_signal(signal.SIGINT, false)
  termio.tcsetattr(system.STDIN, termio.TCSAFLUSH, quiet)
  local line = tty:read("*l")
  termio.tcsetattr(system.STDIN, termio.TCSANOW, before)
  core.watch_signal(signal.SIGINT)
  tty:write("\n")
  tty:close()
  if core.signal_count(signal.SIGINT) > 0 then
    signal.raise(signal.SIGINT)
  end
  return line
end

return system
