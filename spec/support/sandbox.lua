-- Starts the sandbox (sandbox/run) for a spec, on ports of its own and in a folder of its own.
-- It reads from a pipe that this process holds, so it ends with the spec, however that ends.

local eventually = require "spec.support.eventually"
local free_port = require "spec.support.free_port"
local http = require "socket.http"
local shell = require "spec.support.shell"

local quote, read_file = shell.quote, shell.read_file

local sandbox = {}

local ATTEMPTS = 5

local root = debug.getinfo(1, "S").source:match("^@(.*)spec/support/sandbox%.lua$")

local function make_folder()
  local name = os.tmpname()
  os.remove(name)
  name = name .. ".sandbox"
  os.execute("mkdir -m 755 " .. quote(name))
  return name
end

-- The shell outlives a Ctrl-C meant for the spec, so as to remove the folder.
local COMMAND = [[trap '' INT
%s --http %d --https %d --prefix %s --quiet --until-stdin-closes 2>%s/start.log
echo ended >%s/ended; read -r _; rm -rf %s]]

-- One line ends sandbox/run, one the shell around it. Closing the pipe alone would do, but for
-- other children of this process, who may have inherited it.
local function hang_up(pipe)
  pipe:write("stop\nstop\n")
  pipe:close()
end

---@return table? server
---@return string? error
local function try_start()
  local http_port, https_port = free_port(), free_port()
  local folder = make_folder()
  local quoted = quote(folder)
  local pipe = assert(io.popen(COMMAND:format(quote(root .. "sandbox/run"),
    http_port, https_port, quoted, quoted, quoted, quoted), "w"))

  local ready
  eventually(function()
    ready = read_file(folder .. "/ready")
    return ready or read_file(folder .. "/ended")
  end)
  if not ready then
    local log = read_file(folder .. "/start.log")
    hang_up(pipe)
    return nil, log
  end

  local server = {
    base_url = "http://127.0.0.1:" .. http_port,
    https_base_url = "https://localhost:" .. https_port,
    ca_file = folder .. "/ca.pem",
    folder = folder,
    port = http_port,
  }

  ---Text of one of the sandbox's pages; raises where there is none.
  function server.get(path)
    local text, status = http.request(server.base_url .. path)
    assert(status == 200, ("GET %s: %s %s"):format(path, status, text))
    return text
  end

  ---Forgets all invitations, requests, mails and counters.
  function server.reset()
    assert(http.request(server.base_url .. "/_sandbox/reset", ""))
  end

  ---Ends the sandbox, waits until it is gone.
  function server.stop()
    if pipe then
      hang_up(pipe)
      pipe = nil
    end
  end

  return server
end

---Starts a sandbox and waits until it accepts connections.
---@return table server  { base_url, https_base_url, ca_file, folder, port, get, reset, stop }
function sandbox.start()
  local problem
  for _ = 1, ATTEMPTS do
    local server
    server, problem = try_start()
    if server then
      return server
    end
    -- Another process may have taken one of the ports since they were found free.
    if not (problem or ""):find("taken", 1, true) then
      break
    end
  end
  error("the sandbox did not start: " .. (problem or "no reason given"), 2)
end

---One for all specs of the block in which it is called.
---@return table server as of `start`
function sandbox.each()
  local busted = require "busted"
  local server = {}
  busted.setup(function()
    setmetatable(server, { __index = sandbox.start() })
  end)
  busted.teardown(function()
    server.stop()
  end)
  return server
end

return sandbox
