--- The site of examples/nginx, run as it is, beside a sandbox; and what `make demo-nginx` shows.

local Nginx = require "spec.support.nginx"
local cjson = require "cjson"
local eventually = require "spec.support.eventually"
local http = require "socket.http"
local ltn12 = require "ltn12"
local sandbox = require "spec.support.sandbox"
local shell = require "spec.support.shell"

local output_of, read_file = shell.output_of, shell.read_file

if Nginx.unfit() then
  pending(Nginx.unfit())
  return
end

local ATTEMPTS = 5

-- Another process may have taken a port since it was found free. `try` returns what is wanted, or
-- nil and what was printed.
local function with_free_port(try)
  local problem
  for _ = 1, ATTEMPTS do
    local result
    result, problem = try(Nginx.free_port())
    if result or not problem:find("Address already in use", 1, true) then
      return assert(result, problem)
    end
  end
  error(problem)
end

-- In a folder of its own; it ends with this process, however that ends.
local COMMAND = "mkdir %s && export FREDDY_API_KEY=sandbox_unlimited AITRONOS_BASE_URL=%s"
  .. " AITRONOS_CA_FILE=%s && exec %s/spec/support/attended %s %s/examples/nginx/run %d"

describe("the example site in nginx", function()
  local server, folder, pipe, url

  local function stop()
    pipe:write("stop\nremove\n")
    pipe:close()
  end

  local function start(port)
    local root = output_of("pwd"):match("[^\n]+")
    folder = os.tmpname()
    os.remove(folder)
    pipe = assert(io.popen(COMMAND:format(folder, server.https_base_url, server.ca_file, root,
      folder, root, port), "w"))
    local problem
    local runs = eventually(function()
      problem = read_file(folder .. "/ended") and read_file(folder .. "/out")
      return problem or http.request("http://127.0.0.1:" .. port .. "/health")
    end)
    if problem then
      stop()
      return nil, problem
    end
    return runs and "http://127.0.0.1:" .. port
  end

  setup(function()
    server = sandbox.start()
    url = with_free_port(start)
  end)

  teardown(function()
    stop()
    server.stop()
  end)

  before_each(function() server.reset() end)

  ---@return table answer { status, headers, json }
  local function request(method, body)
    local parts = {}
    local _, status, headers = http.request {
      url = url .. "/onboarding",
      method = method,
      headers = { ["content-length"] = #body },
      source = ltn12.source.string(body),
      sink = ltn12.sink.table(parts),
    }
    return { status = status, headers = headers, json = cjson.decode(table.concat(parts)) }
  end

  local function post(list)
    return request("POST", cjson.encode(list))
  end

  local function posts(email)
    local page = "/_sandbox/requests?email=" .. email:gsub("+", "%%2B")
    return cjson.decode(server.get(page)).posts[email] or 0
  end

  it("says that it runs", function()
    local text, status = http.request(url .. "/health")
    assert.equal(200, status)
    assert.equal("ok\n", text)
  end)

  it("invites everybody on a list", function()
    local list = { { email = "chief@example.com", role_id = "role_admin" } }
    for i = 1, 12 do
      list[#list + 1] = ("person%d@example.com"):format(i)
    end
    local answer = post(list)
    assert.equal(200, answer.status)
    for i, entry in ipairs(list) do
      local email = i == 1 and entry.email or entry
      local result = answer.json[email]
      assert.truthy(result.invitation_id:find("^inv_"), email)
      assert.truthy(result.expires_at)
      assert.is_nil(result.invitation_key)
      assert.equal(1, posts(email))
    end
    assert.truthy(server.get("/_sandbox/requests?email=chief@example.com&raw=1"):find "role_admin")
  end)

  it("answers for each address by itself", function()
    local answer = post { "member@example.com", "nobody", "fault+lostreply@example.com" }
    assert.equal(207, answer.status)
    local member, nobody = answer.json["member@example.com"], answer.json.nobody
    assert.equal("ALREADY_MEMBER rejected", member.error .. " " .. member.outcome)
    assert.equal("INVALID_ARGUMENT not_sent", nobody.error .. " " .. nobody.outcome)
    assert.truthy(answer.json["fault+lostreply@example.com"].invitation_id)
    assert.equal(1, posts "fault+lostreply@example.com")
    eventually(function() -- nginx writes its log after the answer
      return read_file(folder .. "/out"):find("not invited: conflict: Already member.", 1, true)
    end)
  end)

  local function refuses(what, status, code, body)
    it("refuses " .. what, function()
      local answer = request("POST", body)
      assert.equal(status, answer.status)
      assert.equal(code, answer.json.error)
      assert.equal("string", type(answer.json.message))
      assert.same({}, cjson.decode(server.get "/_sandbox/requests").posts)
    end)
  end

  local many = {}
  for i = 1, 101 do
    many[i] = ('"person%d@example.com"'):format(i)
  end
  refuses("nothing", 400, "NOT_JSON", "")
  refuses("what is not JSON", 400, "NOT_JSON", '["ada@example.com"')
  refuses("one address", 422, "NOT_A_LIST", '"ada@example.com"')
  refuses("an object", 422, "NOT_A_LIST", '{"email":"ada@example.com"}')
  refuses("null", 422, "NOT_A_LIST", "null")
  refuses("an empty list", 422, "NOT_A_LIST", "[]")
  refuses("a long list", 422, "TOO_MANY", "[" .. table.concat(many, ",") .. "]")
  refuses("a number", 422, "BAD_ENTRY", '["ada@example.com",7]')
  refuses("a null on the list", 422, "BAD_ENTRY", '["ada@example.com",null]')
  refuses("a list on the list", 422, "BAD_ENTRY", '[["ada@example.com"]]')
  refuses("a role that is no string", 422, "BAD_ENTRY", '[{"email":"ada@example.com","role_id":1}]')
  refuses("an address twice", 422, "BAD_ENTRY", '["ada@example.com",{"email":"ADA@example.com"}]')
  refuses("what is large", 413, "TOO_LARGE", '["' .. ("a"):rep(40000) .. '"]')

  it("refuses to be read", function()
    local answer = request("GET", "")
    assert.equal(405, answer.status)
    assert.equal("POST", answer.headers.allow)
    assert.equal("METHOD_NOT_ALLOWED", answer.json.error)
  end)

  it("logs no error, but for what is large", function()
    local log = read_file(folder .. "/out")
    log = log:gsub("[^\n]*client intended to send too large body[^\n]*", "")
    for _, level in ipairs { "error", "crit", "alert", "emerg" } do
      assert.is_nil(log:find("[" .. level .. "]", 1, true), log)
    end
  end)

  it("is shown by its demo", function()
    local command = "env AITRONOS_HTTPS_URL=%s AITRONOS_CA_FILE=%s examples/nginx/demo %d 2>&1"
    local shown = with_free_port(function(port)
      local printed = output_of(command:format(server.https_base_url, server.ca_file, port))
      return printed:find("What the site logged", 1, true) and printed, printed
    end)
    local statuses = {}
    for status in shown:gmatch("\nHTTP (%d+)\n") do
      statuses[#statuses + 1] = status
    end
    assert.same({ "200", "200", "207", "422" }, statuses)
    assert.truthy(shown:find("not invited: conflict", 1, true), shown)
  end)
end)
