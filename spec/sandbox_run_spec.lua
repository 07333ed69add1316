-- Starting and ending the sandbox.

local socket = require "socket"
local eventually = require "spec.support.eventually"
local free_port = require "spec.support.free_port"
local shell = require "spec.support.shell"

local read_file = shell.read_file

local function output_of(command)
  return shell.output_of(command .. " 2>&1")
end

local root = output_of("pwd"):match("^[^\n]*")

describe("sandbox/run", function()
  local folder

  before_each(function()
    folder = os.tmpname()
    os.remove(folder)
  end)
  after_each(function() os.execute("rm -rf " .. folder) end)

  -- In the background; the shell writes down how it ended.
  local function start(http_port, https_port)
    os.execute(("mkdir %s; cd %s; (%s/sandbox/run --http %d --https %d --prefix . >out;"
      .. " echo $? >end) &"):format(folder, folder, root, http_port, https_port))
    eventually(function() return read_file(folder .. "/ready") end)
  end

  for _, signal in ipairs { "INT", "TERM" } do
    it("greets, and ends well on SIG" .. signal, function()
      local http_port, https_port = free_port(), free_port()
      start(http_port, https_port)
      local greeting = read_file(folder .. "/out")
      for _, word in ipairs {
        "Page    http://127.0.0.1:" .. http_port .. "/ ",
        "HTTP    http://127.0.0.1:" .. http_port,
        "https://localhost:" .. https_port, folder .. "/ca.pem",
        "curl -i", "FREDDY_API_KEY=sandbox_owner", "sandbox_unlimited", "org_xyz789",
        "role_member", "lostreply",
      } do
        assert.truthy(greeting:find(word, 1, true), word)
      end
      os.execute("kill -" .. signal .. " $(cat " .. folder .. "/nginx.pid)")
      assert.equal("0\n", eventually(function()
        local status = read_file(folder .. "/end")
        return status ~= "" and status
      end))
      assert.is_nil(read_file(folder .. "/ready"))
      assert.is_nil((socket.connect("127.0.0.1", http_port)))
      assert.equal("", read_file(folder .. "/error.log"))
    end)
  end

  it("ends with its standard input, if it is asked to", function()
    local http_port = free_port()
    local pipe = io.popen(("sandbox/run --http %d --https %d --prefix %s --quiet"
      .. " --until-stdin-closes"):format(http_port, free_port(), folder), "w")
    eventually(function() return read_file(folder .. "/ready") end)
    assert(socket.connect("127.0.0.1", http_port)):close()
    pipe:close()
    assert.is_nil((socket.connect("127.0.0.1", http_port)))
  end)

  it("names a port that is taken, and the option", function()
    local holder = assert(socket.bind("127.0.0.1", 0))
    local _, port = holder:getsockname()
    assert.equal(("sandbox: port %d is taken; choose another with --https PORT\n"):format(port),
      output_of(("sandbox/run --http %d --https %d --prefix %s")
        :format(free_port(), port, folder)))
    holder:close()
  end)

  it("leaves a running sandbox's folder alone", function()
    start(free_port(), free_port())
    local certificate = read_file(folder .. "/ca.pem")
    assert.truthy(output_of(("sandbox/run --http %d --https %d --prefix %s")
      :format(free_port(), free_port(), folder)):find("--prefix DIR", 1, true))
    assert.equal(certificate, read_file(folder .. "/ca.pem"))
    os.execute("kill $(cat " .. folder .. "/nginx.pid)")
    eventually(function() return read_file(folder .. "/end") end)
  end)
end)
