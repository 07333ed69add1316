local cjson = require "cjson"
local errors = require "aitronos.error"
local options = require "aitronos.options"
local shell = require "spec.support.shell"

local KEY = "ak_canary0123456789abcdefghijklmnopqrstuvwx"

describe("options.check", function()
  local getenv = os.getenv
  local environment

  before_each(function()
    environment = {}
    rawset(os, "getenv", function(name) return environment[name] end)
  end)

  after_each(function()
    rawset(os, "getenv", getenv)
  end)

  local function with_key(given)
    given = given or {}
    given.api_key = given.api_key or KEY
    return given
  end

  local function check(given)
    return options.check(with_key(given), "1.2.3")
  end

  local function error_of(given)
    local ok, err = pcall(options.check, given, "1.2.3")
    assert.is_false(ok)
    assert.is_true(errors.is(err), tostring(err))
    return err
  end

  -- Exactly one fault, about this option, with these words.
  local function assert_refused(name, value, words)
    local err = error_of(with_key { [name] = value })
    local what = name .. " = " .. tostring(value) .. " -> " .. tostring(err)
    assert.equal(1, #err.details, what)
    assert.equal(name, err.details[1].field, what)
    assert.truthy(err.details[1].message:find(words, 1, true), what)
  end

  it("has defaults for all but the credential", function()
    assert.same({
      base_url = "https://api.aitronos.com",
      api_key = KEY,
      headers = {},
      user_agent = "aitronos-lua/1.2.3",
      timeout = 30,
      connect_timeout = 10,
      deadline = 120,
      settle = 4,
      max_retries = 2,
      concurrency = 16,
      burst = 1,
      max_response_bytes = 1048576,
      reconcile = true,
      http2 = false,
    }, check())
  end)

  it("takes every option", function()
    local function on_event() end
    local driver = { wait = function() end }
    local ca_file = os.tmpname()
    shell.write_file(ca_file, "a certificate")
    local given = {
      base_url = "http://localhost:8080/api",
      headers = { ["X-B"] = "2", ["X-A"] = "1" },
      user_agent = "app/1",
      timeout = 0.5,
      connect_timeout = 0.25,
      deadline = 1,
      settle = 0,
      max_retries = 0,
      concurrency = 10000,
      rate = 0.5,
      burst = 3,
      max_response_bytes = 1,
      reconcile = false,
      http2 = true,
      proxy = "http://user:secret@proxy:3128",
      ca_file = ca_file,
      ca_path = "/etc/ssl/certs",
      on_event = on_event,
      driver = driver,
    }
    local expected = {
      api_key = KEY,
      headers = { "X-A: 1", "X-B: 2" },
      user_agent = "aitronos-lua/1.2.3 app/1",
    }
    for name, value in pairs(given) do
      expected[name] = expected[name] or value
    end
    assert.same(expected, check(given))
    os.remove(ca_file)
  end)

  it("makes one config Error of all faults", function()
    local err = error_of { api_key = KEY, connect_timeout = 0, max_retries = 1.5, colour = "red" }
    assert.equal("config", err.kind)
    assert.equal("INVALID_OPTION", err.code)
    assert.equal("not_sent", err.outcome)
    assert.is_false(err.retryable)
    assert.equal(
      "connect_timeout: must be a number of seconds greater than 0 and at most 31536000; "
        .. "max_retries: must be a whole number from 0 to 100; colour: is not an option",
      err.message
    )
    assert.same({ field = "colour", message = "is not an option" }, err.details[3])
  end)

  it("refuses options that are not a table", function()
    local err = error_of(KEY)
    assert.equal("options: must be a table, not string", err.message)
  end)

  it("reads options raw", function()
    local function ran()
      error("ran")
    end
    local given = setmetatable({ api_key = KEY }, { __index = ran, __pairs = ran, __len = ran })
    assert.equal(KEY, options.check(given, "1").api_key)
    local inherited = setmetatable({}, { __index = { api_key = KEY } })
    assert.equal("api_key", error_of(inherited).details[1].field)
  end)

  it("shares no table between two clients", function()
    assert.are_not.equal(check().headers, check().headers)
  end)

  describe("on the credential", function()
    it("asks for one", function()
      for _, given in ipairs { false, {} } do
        local err = error_of(given or nil)
        assert.equal("api_key", err.details[1].field)
        assert.truthy(err.message:find("FREDDY_API_KEY", 1, true))
      end
    end)

    it("takes the key of the environment, read at each call", function()
      environment.FREDDY_API_KEY = "one"
      assert.equal("one", options.check(nil, "1").api_key)
      environment.FREDDY_API_KEY = "two"
      assert.equal("two", options.check({}, "1").api_key)
      assert.equal(KEY, check().api_key)
    end)

    it("takes an empty environment variable for none", function()
      environment.FREDDY_API_KEY = ""
      assert.truthy(error_of({}).message:find("is missing", 1, true))
    end)

    it("does without one where that is said, whatever the environment has", function()
      environment.FREDDY_API_KEY = KEY
      local settings = options.check({ api_key = false }, "1")
      assert.is_nil(settings.api_key or settings.bearer_token)
      assert.truthy(error_of({ api_key = false, bearer_token = "a.b.c" }).message:find("together"))
    end)

    it("lets a token that was given go before the environment's key", function()
      environment.FREDDY_API_KEY = KEY
      local settings = options.check({ bearer_token = "a.b.c" }, "1")
      assert.equal("a.b.c", settings.bearer_token)
      assert.is_nil(settings.api_key)
    end)

    it("refuses two that were given", function()
      assert_refused("bearer_token", "a.b.c", "together with api_key")
    end)

    it("strips nothing", function()
      for value, words in pairs {
        [KEY .. "\n"] = "ends with a line break",
        [KEY .. "\r\n"] = "ends with a line break",
        [KEY .. "\nX-Evil: 1"] = "printable ASCII",
        [KEY .. "\0"] = "printable ASCII",
        [KEY .. "\194\160"] = "printable ASCII",
        [KEY .. "\127"] = "printable ASCII",
        [" " .. KEY] = "a space",
        [KEY .. " "] = "a space",
      } do
        assert_refused("api_key", value, words)
        environment.FREDDY_API_KEY = value
        local message = error_of({}).message
        assert.truthy(message:find(words, 1, true), message)
        assert.truthy(message:find("environment variable FREDDY_API_KEY", 1, true), message)
        environment.FREDDY_API_KEY = nil
        assert.equal("bearer_token", error_of({ bearer_token = value }).details[1].field)
      end
      for _, value in ipairs { "", 1, {}, true } do
        assert_refused("api_key", value, "a string that is not empty")
      end
    end)
  end)

  describe("on base_url", function()
    it("keeps a path prefix and drops slashes at the end", function()
      for given, wanted in pairs {
        ["https://x.example"] = "https://x.example",
        ["https://x.example///"] = "https://x.example",
        ["HTTPS://X.example:8443/a/b%20c/"] = "https://X.example:8443/a/b%20c",
        ["https://[2001:db8::1]:1/a"] = "https://[2001:db8::1]:1/a",
        ["https://x/a..b/...;v=1@2"] = "https://x/a..b/...;v=1@2",
      } do
        assert.equal(wanted, check({ base_url = given }).base_url)
      end
    end)

    it("comes from the environment where it is not given", function()
      environment.AITRONOS_BASE_URL = "https://staging.example/"
      assert.equal("https://staging.example", check().base_url)
      assert.equal("https://x", check({ base_url = "https://x" }).base_url)
      environment.AITRONOS_BASE_URL = "ftp://x"
      assert.truthy(error_of(with_key()).message:find("AITRONOS_BASE_URL", 1, true))
      environment.AITRONOS_BASE_URL = ""
      assert.equal("https://api.aitronos.com", check().base_url)
    end)

    it("may be http to a loopback address only", function()
      for _, host in ipairs {
        "localhost", "LocalHost:80", "127.0.0.1", "127.255.255.255:8080", "[::1]", "[::1]:80",
      } do
        assert.equal("http://" .. host, check({ base_url = "http://" .. host }).base_url)
      end
      for _, host in ipairs {
        "api.aitronos.com", "localhost.evil.com", "127.0.0.1.evil.com", "localhost.", "127.0.0.1.",
        "127.1", "127.0.0.256", "127.0.0.01", "127.0.0.089", "128.0.0.1", "0127.0.0.1",
        "2130706433", "0x7f.0.0.1", "0.0.0.0", "[::]", "[::1:1]", "[::ffff:127.0.0.1]",
        "evil-localhost",
      } do
        assert_refused("base_url", "http://" .. host .. "/", "must be https")
      end
    end)

    it("holds no credentials, query or fragment", function()
      for _, url in ipairs {
        "https://user@x", "https://user:pass@x", "http://127.0.0.1@evil",
        "http://localhost:80@evil",
      } do
        assert_refused("base_url", url, "user name")
      end
      for _, url in ipairs { "https://x?a", "https://x/?", "https://x/a#b", "https://x#@y" } do
        assert_refused("base_url", url, "query or a fragment")
      end
    end)

    it("is refused where parsers might disagree about it", function()
      for url, words in pairs {
        [""] = "https://",
        ["x.example"] = "https://",
        ["//x"] = "https://",
        ["ftp://x"] = "https://",
        ["file:///etc/passwd"] = "https://",
        ["https:/x"] = "https://",
        ["https://"] = "host name",
        ["https:///a"] = "host name",
        ["https://:80"] = "host name",
        ["https://x:"] = "host name",
        ["https://x:0"] = "host name",
        ["https://x:65536"] = "host name",
        ["https://x:8o"] = "host name",
        ["https://x:80:80"] = "host name",
        ["https://.x"] = "host name",
        ["https://x..y"] = "host name",
        ["https://x%2ey"] = "host name",
        ["https://x{y}"] = "host name",
        ["https://[::1"] = "host name",
        ["https://[fe80::1%25eth0]"] = "host name",
        ["https://[abc]"] = "host name",
        ["https://x/.."] = ". or ..",
        ["https://x/a/../b"] = ". or ..",
        ["https://x/%2E%2e/b"] = ". or ..",
        ["https://x/./b"] = ". or ..",
        ["https://x/{email}"] = "percent-encoded",
        ["https://x/a%2"] = "percent-encoded",
        ["https://x/%zz"] = "percent-encoded",
        ["https://x /"] = "ASCII",
        ["https://x\n"] = "ASCII",
        ["https://x\0.example"] = "ASCII",
        ["https://x\\@y"] = "ASCII",
        ["https://é"] = "ASCII",
      } do
        assert_refused("base_url", url, words)
      end
      assert_refused("base_url", 1, "must be a string")
    end)
  end)

  describe("on numbers", function()
    local never = { 0 / 0, 1 / 0, -1 / 0, -1, "30", true, {} }

    it("takes times above 0 and up to a year", function()
      for _, name in ipairs { "timeout", "connect_timeout", "deadline" } do
        for _, value in ipairs(never) do
          assert_refused(name, value, "must be a number of seconds")
        end
        assert_refused(name, 0, "greater than 0")
        assert_refused(name, 31536001, "at most 31536000")
        assert.equal(31536000, check({ [name] = 31536000 })[name])
      end
      for _, value in ipairs(never) do
        assert_refused("settle", value, "must be a number of seconds")
        assert_refused("rate", value, "requests per minute")
      end
      assert_refused("settle", 31536001, "must be a number of seconds")
      assert_refused("rate", 0, "requests per minute")
    end)

    it("takes whole numbers within their bounds", function()
      local bounds = {
        max_retries = { 0, 100 },
        concurrency = { 1, 10000 },
        burst = { 1, 2147483647 },
        max_response_bytes = { 1, 2147483647 },
      }
      for name, bound in pairs(bounds) do
        for _, value in ipairs(never) do
          assert_refused(name, value, "must be a whole number")
        end
        for _, value in ipairs { 1.5, bound[1] - 1, bound[2] + 1 } do
          assert_refused(name, value, "must be a whole number")
        end
        assert.equal(bound[1], check({ [name] = bound[1] })[name])
        assert.equal(bound[2], check({ [name] = bound[2] })[name])
      end
    end)

    it("makes whole floats integers where Lua has them", function()
      assert.equal("3", tostring(check({ burst = 3.0 }).burst))
    end)
  end)

  it("takes only true and false for switches", function()
    for _, name in ipairs { "reconcile", "http2" } do
      for _, value in ipairs { 0, 1, "true", {} } do
        assert_refused(name, value, "must be a boolean")
      end
    end
  end)

  describe("on headers", function()
    local function assert_header_refused(headers, words)
      assert_refused("headers", headers, words)
    end

    it("takes tokens and values, tab and beyond ASCII included, sorted", function()
      assert.same(
        { "X-!#$%&'*+.^_`|~9: \t ü", "cookie: a=b; c" },
        check({ headers = { cookie = "a=b; c", ["X-!#$%&'*+.^_`|~9"] = "\t ü" } }).headers
      )
    end)

    it("names the character that would split a header", function()
      for char, name in pairs {
        ["\r"] = "a carriage return",
        ["\n"] = "a line feed",
        ["\0"] = "a NUL byte",
        ["\1"] = "a control character",
        ["\127"] = "a control character",
      } do
        assert_header_refused({ ["X-A"] = "1" .. char .. "2" }, "the value of X-A holds " .. name)
        assert_header_refused({ ["X" .. char .. "A"] = "1" }, "a name holds " .. name)
      end
    end)

    it("refuses names that are no token", function()
      for _, name in ipairs { "", "X A", "X:", "X-A: 1", "é", "X\"", "(x)" } do
        assert_header_refused({ [name] = "1" }, "a name is not that of a header")
      end
    end)

    it("refuses empty values, since libcurl would leave the header out", function()
      assert_header_refused({ ["X-A"] = "" }, "the value of X-A is empty")
      assert_header_refused({ ["X-A"] = " \t" }, "the value of X-A is empty")
    end)

    it("wants strings for names and values", function()
      for _, headers in ipairs { { "X-A: 1" }, { ["X-A"] = 1 }, { [true] = "1" } } do
        assert_header_refused(headers, "both strings")
      end
      assert_header_refused("X-A: 1", "both strings")
    end)

    it("reports all faults, in the same order each time", function()
      local headers = { ["X-C"] = "", ["X-A"] = "", ["X-B"] = "", ["X-D"] = "", ["X-E"] = "fine" }
      assert_header_refused(headers, "the value of X-A is empty, the value of X-B is empty, "
        .. "the value of X-C is empty, the value of X-D is empty")
    end)

    it("can't replace the library's own", function()
      for _, name in ipairs {
        "Content-Type", "Content-Length", "Accept", "Accept-Encoding", "Host", "Authorization",
        "X-API-Key", "User-Agent", "Transfer-Encoding", "Connection", "Expect",
        "Proxy-Authorization", "authorization", "x-api-key", "HOST",
      } do
        assert_header_refused({ [name] = "1" }, name .. " is set by the library")
      end
    end)
  end)

  it("takes only text for user_agent and ca_path", function()
    for _, name in ipairs { "user_agent", "ca_path" } do
      for _, value in ipairs { "", 1, true } do
        assert_refused(name, value, "a string that is not empty")
      end
      assert_refused(name, "a\0", "must not hold")
    end
    assert_refused("user_agent", "a\r\nX-Evil: 1", "control characters")
  end)

  it("takes as a proxy what libcurl can use", function()
    for _, value in ipairs {
      "", "proxy:3128", "http://proxy", "https://u:p@proxy:1", "socks5://p", "SOCKS5H://[::1]:1080",
    } do
      assert.equal(value, check({ proxy = value }).proxy)
    end
    for _, value in ipairs { "ftp://p", "socks4://p", "http://", "://p" } do
      assert_refused("proxy", value, "must be the URL")
    end
    for _, value in ipairs { "p\n", "p\0", "http://p /" } do
      assert_refused("proxy", value, "control characters")
    end
    assert_refused("proxy", false, "must be a string")
  end)

  it("takes as ca_file a file that can be read", function()
    local empty = os.tmpname()
    for _, value in ipairs { "/nowhere/ca.pem", "/", empty } do
      assert_refused("ca_file", value, "cannot be read")
    end
    os.remove(empty)
    for _, value in ipairs { "", 1, "/etc/passwd\0.pem" } do
      assert_refused("ca_file", value, "path of a file")
    end
  end)

  it("takes a function for on_event and a table with wait as driver", function()
    local callable = setmetatable({}, { __call = function() end })
    assert_refused("on_event", callable, "must be a function")
    for _, value in ipairs { {}, { wait = 1 }, "nginx", callable } do
      assert_refused("driver", value, "a function wait")
    end
  end)

  it("has bounds for all texts", function()
    local long = ("x"):rep(4097)
    for _, name in ipairs { "api_key", "user_agent", "proxy", "ca_file", "ca_path", "base_url" } do
      assert_refused(name, long, "at most 4096 bytes")
    end
    assert_refused("headers", { ["X-A"] = ("x"):rep(8190) }, "longer than 8192 bytes")
    assert_refused("ca_path", "/nowhere/at/all", "is no folder")
  end)

  it("lets no credential out through any error", function()
    local names = {
      "api_key", "bearer_token", "base_url", "timeout", "connect_timeout", "deadline",
      "max_retries", "reconcile", "settle", "rate", "burst", "concurrency", "max_response_bytes",
      "http2", "headers", "proxy", "ca_file", "ca_path", "user_agent", "on_event", "driver", KEY,
    }
    local seen = 0
    local function look(given)
      local ok, err = pcall(options.check, given, "1")
      if not ok then
        seen = seen + 1
        local text = tostring(err) .. err.message .. cjson.encode(err:to_table())
        assert.is_nil(text:find("canary", 1, true), text)
      end
    end
    local values = {
      KEY, KEY .. "\n", " " .. KEY, KEY .. "\0", "https://" .. KEY .. "@x", "http://" .. KEY,
      "x://" .. KEY, { KEY }, { [KEY] = KEY }, { [KEY .. "\n"] = KEY }, { [KEY] = "a\n" },
      { ["X-A"] = KEY .. "\r" }, { ["X-API-Key"] = KEY }, { ["X-API-Key: " .. KEY] = "" },
      { wait = KEY },
    }
    look(KEY)
    look({ KEY })
    for _, name in ipairs(names) do
      for _, value in ipairs(values) do
        look({ [name] = value })
        look({ api_key = KEY, [name] = value })
        look({ bearer_token = KEY, [name] = value })
      end
    end
    for _, suffix in ipairs { "\n", "\0", " ", "é" } do
      environment.FREDDY_API_KEY = KEY .. suffix
      environment.AITRONOS_BASE_URL = "https://" .. KEY .. "@x"
      look(nil)
    end
    assert.truthy(seen > 500)
  end)
end)
