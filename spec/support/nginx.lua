--- Runs a real nginx with the module under test, in a folder and on a port of its own. It ends with
--- the spec, however that ends.
---
---     local nginx = Nginx.start { workers = 2, http = "…", server = "…" }
---     …
---     nginx:stop()       -- raises where its log holds what it must not
---
--- Its configuration is spec/support/nginx.conf.

local socket = require "socket"

local eventually = require "spec.support.eventually"
local free_port = require "spec.support.free_port"
local shell = require "spec.support.shell"

local output_of, quote, read_file = shell.output_of, shell.quote, shell.read_file

local ATTEMPTS = 5

-- What no run may log, whatever it is about: "[alert] open socket left in connection" is a leak.
local FORBIDDEN = { "%[error%]", "%[crit%]", "%[alert%]", "%[emerg%]", "exited on signal" }

---@class spec.Nginx
---@field port integer
---@field folder string
---@field master integer process id
local Nginx = {}
Nginx.__index = Nginx

local function first_line(command)
  return output_of(command):match("^[^\n]*")
end

local root = first_line("cd " .. quote(debug.getinfo(1, "S").source
  :match("^@(.*)support/nginx%.lua$") .. "..") .. " && pwd")

-- The folder of a path in which a file is.
local function folder_of(file, path)
  for folder in path:gmatch("([^;]*)/%?%.%w+") do
    if read_file(folder .. "/" .. file) then
      return first_line("cd " .. quote(folder) .. " && pwd")
    end
  end
  error("found nowhere: " .. file)
end

Nginx.free_port = free_port

--- Why nginx can't load the module under test; nil where it can.
---@return string|nil
function Nginx.unfit()
  if not rawget(_G, "jit") then
    return "nginx loads the module that is built for LuaJIT, and no other"
  elseif (os.getenv "LUA_COMMAND" or ""):find("/", 1, true) then
    return "nginx has neither the sanitizers nor the collector of the interpreter under test"
  end
end

local user_id = first_line "id -u"

function Nginx.is_root()
  return user_id == "0"
end

-- Where it is for those who are not root, too.
local NGINX = "PATH=\"$PATH\":/usr/sbin:/usr/local/openresty/nginx/sbin nginx"

local modules = output_of(NGINX .. " -V 2>&1"):match("%-%-modules%-path=(%S+)")
-- OpenResty has the Lua module built in.
if modules and not read_file(modules .. "/ngx_http_lua_module.so") then
  modules = nil
end

local function write_configuration(folder, port, given)
  local user = given.user or Nginx.is_root() and not given.su and "root"
  local words = {
    PORT = port,
    MODULES = modules or "",
    WORKERS = given.workers or 1,
    MAIN = (user and "user " .. user .. "; " or "") .. (given.main or ""),
    LUA = given.lua or folder_of("aitronos.lua", package.path),
    MODULE = given.module or folder_of("aitronos/core.so", package.cpath),
    SPECS = given.specs or root,
    UPSTREAM = given.upstream,
  }
  local function fill(text)
    return (text:gsub("@(%u+)@", words))
  end
  words.HTTP, words.SERVER = fill(given.http or ""), fill(given.server or "")
  local text = fill(read_file(root .. "/spec/support/nginx.conf"))
  if not modules then
    text = text:gsub("load_module[^\n]*\n", "")
  end
  shell.write_file(folder .. "/nginx.conf", text)
end

-- `su` runs the whole of nginx as somebody else, whose the folder is then.
local function command_line(folder, given)
  local words = { "exec", quote(root .. "/spec/support/attended"), quote(folder), "env" }
  for name, value in pairs(given.environment or {}) do
    words[#words + 1] = name .. "=" .. quote(value)
  end
  if given.su then
    words[#words + 1] = "setpriv --init-groups --reuid=" .. given.su .. " --regid=nogroup"
  end
  words[#words + 1] = "env " .. NGINX .. " -p . -c nginx.conf -e error.log"
  return table.concat(words, " ")
end

local function make_folder(given)
  local folder = os.tmpname()
  os.remove(folder)
  folder = folder .. ".nginx"
  shell.run("mkdir -m 755 " .. quote(folder) .. " " .. quote(folder .. "/temp"))
  if given.su then
    shell.run(("chown -R %s %s"):format(given.su, quote(folder)))
  end
  return folder
end

local function remove(pipe)
  pipe:write("remove\n")
  pipe:close()
end

local function try_start(given)
  local port, folder = free_port(), make_folder(given)
  write_configuration(folder, port, given)
  local pipe = assert(io.popen(command_line(folder, given), "w"))
  local master, connection
  eventually(function()
    master = (read_file(folder .. "/nginx.pid") or ""):match("^%d+")
    connection = master and socket.connect("127.0.0.1", port)
    return connection or read_file(folder .. "/ended")
  end)
  if connection then
    connection:close()
    return setmetatable({
      port = port, folder = folder, master = tonumber(master), pipe = pipe, expected = {},
    }, Nginx)
  end
  local log = (read_file(folder .. "/error.log") or "") .. (read_file(folder .. "/out") or "")
  remove(pipe)
  return nil, log
end

--- Starts it and waits until it accepts connections.
---@param given table { workers?, environment?, user?, su?, lua?, module?, specs? } and parts of its
---  configuration: main, http, server, in which @UPSTREAM@ stands for `upstream`
---@return spec.Nginx
function Nginx.start(given)
  local nginx, problem
  for _ = 1, ATTEMPTS do
    nginx, problem = try_start(given)
    -- Another process may have taken the port since it was found free.
    if nginx or not problem:find("Address already in use", 1, true) then
      break
    end
  end
  return nginx or error("nginx did not start: " .. problem, 2)
end

--- The processes whose parent the master is, and that are no zombies, in no order.
---@return integer[]
function Nginx:workers()
  local found = {}
  for line in output_of("cat /proc/[0-9]*/stat 2>/dev/null"):gmatch("[^\n]+") do
    local pid, state, parent = line:match("^(%d+) %(nginx%) (%S) (%d+)")
    if tonumber(parent) == self.master and state ~= "Z" then
      found[#found + 1] = tonumber(pid)
    end
  end
  return found
end

--- The worker of an nginx that has one.
function Nginx:worker()
  return eventually(function()
    local workers = self:workers()
    return #workers == 1 and workers[1]
  end)
end

--- Sends a signal to the master, or to one of its workers.
function Nginx:signal(name, pid)
  shell.run(("kill -%s %d"):format(name, pid or self.master))
end

--- Waits until a process has ended. Not for the master: see `wait_for_end`.
function Nginx.wait_until_gone(pid)
  eventually(function()
    return not read_file("/proc/" .. pid .. "/stat")
  end)
end

--- Waits until the master has ended.
---@return integer status
function Nginx:wait_for_end()
  return tonumber(eventually(function()
    return (read_file(self.folder .. "/ended") or ""):match("^%d+")
  end))
end

function Nginx:log()
  return read_file(self.folder .. "/error.log")
end

--- The log may hold one line more with this, which it otherwise must not.
function Nginx:expect(text)
  table.insert(self.expected, text)
end

--- What a process holds: descriptors by what they are, and how many threads and kB of memory.
---@return table { descriptors, threads, rss }
---@return table<string, integer> kinds
function Nginx.vitals(pid)
  local status = read_file("/proc/" .. pid .. "/status")
  local kinds, count = {}, 0
  for target in output_of(("readlink /proc/%d/fd/*"):format(pid)):gmatch("[^\n]+") do
    local kind = target:gsub("%d+", "")
    kinds[kind] = (kinds[kind] or 0) + 1
    count = count + 1
  end
  return {
    descriptors = count,
    threads = tonumber(status:match("Threads:%s*(%d+)")),
    rss = tonumber(status:match("VmRSS:%s*(%d+)")),
  }, kinds
end

--- The name of a process' user.
function Nginx.user_of(pid)
  local id = read_file("/proc/" .. pid .. "/status"):match("\nUid:%s*%d+%s*(%d+)")
  return first_line("id -un " .. id)
end

--- Copies what nginx needs of this project into a new folder that all may read.
function Nginx.copy_module(folder)
  local lua = quote(folder_of("aitronos.lua", package.path))
  local module = quote(folder_of("aitronos/core.so", package.cpath))
  local to = quote(folder)
  shell.run(("mkdir %s && cp -R %s/. %s && cp %s/aitronos/core.so %s/aitronos"
    .. " && mkdir -p %s/spec/support && cp %s/spec/support/site.lua %s/spec/support"
    .. " && chmod -R a+rX %s"):format(to, lua, to, module, to, to, quote(root), to, to))
end

--- What of ours is in the folders for temporary files. That may be another process's, for a moment.
---@return string list empty where there is nothing
function Nginx.left_behind()
  return output_of("ls -d /tmp/aitronos* \"${TMPDIR:-/tmp}\"/aitronos* 2>/dev/null")
end

-- Lines of the log that must not be there.
local function faults_of(nginx)
  local faults = {}
  for line in (nginx:log() or "no log\n"):gmatch("[^\n]*\n") do
    local wrong = false
    for _, pattern in ipairs(FORBIDDEN) do
      wrong = wrong or line:find(pattern)
    end
    for i, text in ipairs(nginx.expected) do
      if wrong and line:find(text, 1, true) then
        table.remove(nginx.expected, i)
        wrong = false
        break
      end
    end
    faults[#faults + 1] = wrong and line or nil
  end
  for _, text in ipairs(nginx.expected) do
    faults[#faults + 1] = "expected and not logged: " .. text
  end
  return table.concat(faults)
end

--- Ends it, waits until it is gone, removes its folder. Raises where its log has faults.
function Nginx:stop()
  if self.pipe then
    self.pipe:write("stop\n")
    self.pipe:flush()
    self:wait_for_end()
    local faults = faults_of(self)
    remove(self.pipe)
    self.pipe = nil
    assert(faults == "", faults)
  end
end

return Nginx
