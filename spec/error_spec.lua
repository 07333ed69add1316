local cjson = require "cjson"
local errors = require "aitronos.error"

local SECRET = "uuid-12345678-1234-1234-1234-123456789abc"

local function answer(status, body, more)
  local facts = {
    status = status,
    body = body,
    outcome = "rejected",
    retryable = false,
    attempts = 1,
    elapsed = 0.2,
  }
  for name, value in pairs(more or {}) do
    facts[name] = value
  end
  return errors.from_failure(facts)
end

local function failed(failure, more)
  local facts = {
    failure = failure,
    outcome = "unknown",
    retryable = false,
    attempts = 2,
    elapsed = 1.5,
  }
  for name, value in pairs(more or {}) do
    facts[name] = value
  end
  return errors.from_failure(facts)
end

local function with_message(message)
  return tostring(errors.new { kind = "server", message = message })
end

describe("an Error", function()
  it("is known by its metatable", function()
    assert.is_true(errors.is(errors.new {}))
    for _, value in ipairs { {}, "error", 1, true, setmetatable({}, {}), print } do
      assert.is_false(errors.is(value))
    end
    assert.is_false(errors.is(nil))
    assert.equal("aitronos.error", getmetatable(errors.new {}).__name)
  end)

  it("keeps the fields there are and no others", function()
    local err = errors.new { kind = "server", code = "X", client = io.stdout }
    assert.equal("server", err.kind)
    assert.equal("X", err.code)
    assert.is_nil(rawget(err, "client"))
  end)

  it("passes through error and pcall as it is", function()
    local err = errors.new { kind = "server", message = "m" }
    local ok, caught = pcall(error, err, 0)
    assert.is_false(ok)
    assert.equal(err, caught)
  end)
end)

describe("tostring of an Error", function()
  it("is kind, message, and what there is of code, status and trace", function()
    assert.equal(
      "permission: No. (DENIED, HTTP 403, trace abc-123-def)",
      tostring(errors.new {
        kind = "permission",
        message = "No.",
        code = "DENIED",
        status = 403,
        trace_id = "abc-123-def",
        request_id = "req_1",
      })
    )
    assert.equal(
      "timeout: Late (LATE, request r_1)",
      tostring(errors.new { kind = "timeout", message = "Late", code = "LATE", request_id = "r_1" })
    )
    assert.equal("server: m (HTTP 500)", tostring(errors.new {
      kind = "server", message = "m", status = 500,
    }))
    assert.equal("config: m", tostring(errors.new { kind = "config", message = "m" }))
  end)

  it("shows that the invitation may have been made", function()
    local err = errors.new { kind = "timeout", message = "Late", code = "L", outcome = "unknown" }
    assert.equal("timeout: Late; the invitation may have been made (L)", tostring(err))
    err.outcome = "rejected"
    assert.equal("timeout: Late (L)", tostring(err))
  end)

  it("escapes what would break or disguise the line", function()
    assert.equal("server: a\\nb\\x0D\\x09\\x00\\x1B[0m\\x7F", with_message("a\nb\r\t\0\27[0m\127"))
    assert.equal("server: \\xC2\\x85 \\xC2\\x9F", with_message("\194\133 \194\159"))
    for _, char in ipairs {
      "\226\128\168", "\226\128\169", "\226\128\170", "\226\128\174", "\226\129\166",
      "\226\129\169", "\226\128\142", "\226\128\143", "\216\156",
    } do
      assert.is_nil(with_message("a" .. char .. "b"):find(char, 1, true))
    end
  end)

  it("keeps well-formed text and escapes the bytes of what is malformed", function()
    local text = "Größe \226\130\172 \240\159\152\128 \194\160 \237\159\191 \244\143\191\191"
    assert.equal("server: " .. text, with_message(text))
    for malformed, escaped in pairs {
      ["\128"] = "\\x80",
      ["\255"] = "\\xFF",
      ["a\195"] = "a\\xC3",
      ["\195z"] = "\\xC3z",
      ["\192\175"] = "\\xC0\\xAF",
      ["\224\159\191"] = "\\xE0\\x9F\\xBF",
      ["\237\160\128"] = "\\xED\\xA0\\x80",
      ["\240\143\191\191"] = "\\xF0\\x8F\\xBF\\xBF",
      ["\244\144\128\128"] = "\\xF4\\x90\\x80\\x80",
      ["\226\130"] = "\\xE2\\x82",
    } do
      assert.equal("server: " .. escaped, with_message(malformed))
    end
  end)

  it("has at most 512 bytes, cuts the message only, and cuts no character in two", function()
    for _, unit in ipairs { "x", "é", "\226\130\172", "\240\159\152\128", "\n", "\255" } do
      for shift = 0, 3 do
        local text = tostring(errors.new {
          kind = "server",
          message = ("a"):rep(shift) .. unit:rep(2 ^ 18),
          code = "CODE",
          status = 500,
          outcome = "unknown",
          trace_id = "trace-1",
        })
        assert.truthy(#text <= 512 and #text > 500, #text)
        local tail = "…; the invitation may have been made (CODE, HTTP 500, trace trace-1)"
        assert.equal(tail, text:sub(-#tail))
        local kept = text:sub(1, -#tail - 1)
        local whole = kept:gsub("é", ""):gsub("\226\130\172", ""):gsub("\240\159\152\128", "")
        assert.is_nil(whole:find("[\128-\255]"))
      end
    end
    local exact = "server: " .. ("x"):rep(512 - 8)
    assert.equal(exact, with_message(("x"):rep(512 - 8)))
  end)

  it("is bounded whatever the fields hold", function()
    local huge = ("\n"):rep(2 ^ 16)
    local err = errors.new {
      kind = huge, message = huge, code = huge, trace_id = huge, status = 1e308,
    }
    err.outcome = "unknown"
    assert.truthy(#tostring(err) <= 512)
    err.trace_id, err.request_id = nil, huge
    assert.truthy(#tostring(err) <= 512)
  end)

  it("never raises, whatever was assigned", function()
    local trap = setmetatable({}, {
      __tostring = function() error("ran") end,
      __concat = function() error("ran") end,
      __index = function() error("ran") end,
    })
    local fields = { "kind", "code", "message", "status", "trace_id", "request_id", "outcome" }
    for _, nonsense in ipairs { trap, false, true, 0 / 0, 1 / 0, 2.5, print, io.stdout, "" } do
      local err = errors.new { kind = "server" }
      for _, field in ipairs(fields) do
        err[field] = nonsense
      end
      assert.equal("string", type(tostring(err)))
      assert.equal("string", type(err:to_table() and tostring(err)))
    end
    assert.equal("error: no message", tostring(errors.new {}))
  end)

  it("is what concatenation uses", function()
    local err = errors.new { kind = "server", message = "m" }
    assert.equal("failed: server: m", "failed: " .. err)
    assert.equal("server: m!", err .. "!")
    assert.equal("server: m1", err .. 1)
    assert.equal("server: mserver: m", err .. err)
    assert.has_error(function() return err .. nil end)
  end)
end)

describe("to_table", function()
  it("copies the fields, deep and without metatables", function()
    local err = errors.argument { { field = "email", message = "is required" } }
    local plain = err:to_table()
    assert.is_nil(getmetatable(plain))
    assert.same({
      kind = "argument",
      code = "INVALID_ARGUMENT",
      message = "email: is required",
      details = { { field = "email", message = "is required" } },
      outcome = "not_sent",
      retryable = false,
      attempts = 0,
      elapsed = 0,
    }, plain)
    assert.are_not.equal(err.details, plain.details)
  end)

  it("gives what lua-cjson takes, whatever details hold", function()
    local details = {
      null = cjson.null,
      call = print,
      file = io.stdout,
      thread = coroutine.create(function() end),
      nan = 0 / 0,
      inf = 1 / 0,
      mixed = { "a", key = "b" },
      sparse = { [1] = "a", [1000000] = "b" },
      holes = { "a", cjson.null, "c" },
      bool_key = { [true] = 1, [print] = 2, kept = 3 },
      meta = setmetatable({ "x" }, {
        __index = function() error("ran") end,
        __pairs = function() error("ran") end,
        __len = function() error("ran") end,
      }),
    }
    local plain = errors.new({ kind = "server", details = details }):to_table()
    local decoded = cjson.decode(cjson.encode(plain)).details
    assert.is_nil(decoded.null)
    assert.is_nil(decoded.call)
    assert.is_nil(decoded.file)
    assert.is_nil(decoded.thread)
    assert.equal("string", type(decoded.nan))
    assert.equal("inf", decoded.inf)
    assert.same({ ["1"] = "a", key = "b" }, decoded.mixed)
    assert.same({ ["1"] = "a", ["1000000"] = "b" }, decoded.sparse)
    assert.same({ "a", "c" }, decoded.holes)
    assert.same({ kept = 3 }, decoded.bool_key)
    assert.same({ "x" }, decoded.meta)
  end)

  it("ends on tables that hold themselves", function()
    local knot = {}
    for i = 1, 20 do
      knot[i] = knot
    end
    local encoded = cjson.encode(errors.new({ kind = "server", details = knot }):to_table())
    assert.equal("server", cjson.decode(encoded).kind)
    assert.truthy(#encoded < 100000)
  end)
end)

describe("local errors", function()
  it("of kind argument join their faults", function()
    local faults = {
      { field = "email", message = "must have exactly one @" },
      { field = "role_id", message = "must not be empty" },
    }
    local err = errors.argument(faults)
    assert.equal(
      "argument: email: must have exactly one @; role_id: must not be empty (INVALID_ARGUMENT)",
      tostring(err)
    )
    assert.equal(faults, err.details)
    assert.equal("not_sent", err.outcome)
    assert.is_false(err.retryable)
    assert.equal(0, err.attempts)
  end)

  it("of kind argument stay small with many faults", function()
    local faults = {}
    for i = 1, 100000 do
      faults[i] = { field = "key" .. i, message = "is not a parameter" }
    end
    local err = errors.argument(faults)
    assert.truthy(#err.message <= 1024)
    assert.equal(100000, #err.details)
  end)

  it("of kind config take a message or faults", function()
    local err = errors.config("the client is closed", nil, "CLIENT_CLOSED")
    assert.equal("config: the client is closed (CLIENT_CLOSED)", tostring(err))
    assert.equal("not_sent", err.outcome)
    assert.is_nil(err.details)
    local faults = { { field = "rate", message = "is wrong" } }
    err = errors.config(faults)
    assert.equal("config: rate: is wrong (INVALID_OPTION)", tostring(err))
    assert.equal(faults, err.details)
  end)
end)

describe("an answer of the server", function()
  it("gives the documented 403 field by field", function()
    local err = answer(403, {
      success = false,
      error = {
        code = "INSUFFICIENT_PERMISSIONS",
        message = "You don't have permission to perform this action.",
        system_message = "User lacks the role that this needs",
        type = "client_error",
        status = 403,
        details = {},
        trace_id = "abc-123-def",
        timestamp = "2025-01-01T00:00:00Z",
      },
    }, { request_id = "req_1" })
    assert.equal("permission", err.kind)
    assert.equal("INSUFFICIENT_PERMISSIONS", err.code)
    assert.equal("You don't have permission to perform this action.", err.message)
    assert.equal("User lacks the role that this needs", err.system_message)
    assert.equal("client_error", err.type)
    assert.same({}, err.details)
    assert.equal("abc-123-def", err.trace_id)
    assert.equal("2025-01-01T00:00:00Z", err.timestamp)
    assert.equal(403, err.status)
    assert.equal("req_1", err.request_id)
    assert.equal("rejected", err.outcome)
    assert.is_false(err.retryable)
    assert.is_nil(err.retry_after)
    assert.equal(1, err.attempts)
    assert.equal(0.2, err.elapsed)
    assert.equal(
      "permission: You don't have permission to perform this action. "
        .. "(INSUFFICIENT_PERMISSIONS, HTTP 403, trace abc-123-def)",
      tostring(err)
    )
  end)

  it("has a kind, a code and words by its status alone", function()
    for status, wanted in pairs {
      [400] = { "bad_request", "Bad Request" },
      [401] = { "authentication", "Unauthorized" },
      [402] = { "client", "Payment Required" },
      [403] = { "permission", "Forbidden" },
      [404] = { "not_found", "Not Found" },
      [408] = { "client", "Request Timeout" },
      [409] = { "conflict", "Conflict" },
      [422] = { "validation", "Unprocessable Content" },
      [429] = { "rate_limit", "Too Many Requests" },
      [500] = { "server", "Internal Server Error" },
      [502] = { "server", "Bad Gateway" },
      [503] = { "server", "Service Unavailable" },
      [504] = { "server", "Gateway Timeout" },
      [418] = { "client", "The server answered with an error and no explanation" },
      [599] = { "server", "The server answered with an error and no explanation" },
    } do
      for _, failure in ipairs { false, "not_json", "not_object", "no_content" } do
        local err = answer(status, nil, { failure = failure or nil })
        assert.equal(wanted[1], err.kind)
        assert.equal(wanted[2], err.message)
        assert.equal("HTTP_" .. status, err.code)
        assert.equal(status, err.status)
      end
    end
  end)

  it("is a redirect that is not followed, whatever it says", function()
    for _, status in ipairs { 301, 302, 303, 307, 308 } do
      local err = answer(status, { error = { message = "Moved to https://evil.example" } })
      assert.equal("client", err.kind)
      assert.equal("HTTP_" .. status, err.code)
      assert.truthy(err.message:find("redirects are not followed", 1, true))
      assert.truthy(err.message:find("base_url", 1, true))
      assert.is_nil(err.message:find("evil", 1, true))
    end
  end)

  it("may have the older shape", function()
    local err = answer(422, {
      detail = "Validation failed",
      status_code = 422,
      error_type = "ValidationError",
      meta = { timestamp = "2024-01-01T00:00:00Z", request_id = "req_body" },
      errors = { { field = "email", message = "Invalid email", code = "INVALID_FORMAT" } },
    })
    assert.equal("validation", err.kind)
    assert.equal("INVALID_FORMAT", err.code)
    assert.equal("Validation failed", err.message)
    assert.equal("ValidationError", err.type)
    assert.equal("2024-01-01T00:00:00Z", err.timestamp)
    assert.equal("req_body", err.request_id)
    assert.same(
      { { field = "email", message = "Invalid email", code = "INVALID_FORMAT" } },
      err.details
    )

    err = answer(401, {
      detail = "Invalid API key", status_code = 401, error_type = "AuthenticationError",
    })
    assert.equal("authentication: Invalid API key (HTTP_401, HTTP 401)", tostring(err))
    assert.equal("AuthenticationError", err.type)
  end)

  it("of the older shape builds its message from the errors where there is no other", function()
    local err = answer(422, {
      errors = {
        { field = "email", message = "is bad" },
        { message = "and more", code = "FIRST" },
        { code = "SECOND" },
      },
      meta = { request_id = "req_body" },
    }, { request_id = "req_header" })
    assert.equal("email: is bad; and more", err.message)
    assert.equal("FIRST", err.code)
    assert.equal("req_header", err.request_id)
  end)

  it("may be FastAPI's own, as text or as a list", function()
    assert.equal("Not authenticated", answer(401, { detail = "Not authenticated" }).message)

    local err = answer(422, {
      detail = {
        { loc = { "body", "email" }, msg = "value is not a valid email", type = "value_error" },
        { loc = { "body", "ids", 0 }, msg = "field required", type = "missing" },
        { msg = "no place" },
        "nonsense",
        { loc = { "body" } },
      },
    })
    assert.equal("validation", err.kind)
    assert.equal("HTTP_422", err.code)
    assert.is_nil(err.type)
    assert.same({
      { field = "body.email", message = "value is not a valid email" },
      { field = "body.ids.0", message = "field required" },
      { message = "no place" },
    }, err.details)
    assert.equal(
      "body.email: value is not a valid email; body.ids.0: field required; no place",
      err.message
    )
  end)

  it("is believed only where its fields have their types", function()
    for _, nonsense in ipairs { 1, true, {}, { "a" }, "", "  ", cjson.null } do
      local err = answer(500, {
        error = {
          code = nonsense, message = nonsense, system_message = nonsense, type = nonsense,
          trace_id = nonsense, timestamp = nonsense,
        },
      })
      assert.equal("HTTP_500", err.code)
      assert.equal("Internal Server Error", err.message)
      for _, field in ipairs { "system_message", "type", "trace_id", "timestamp" } do
        assert.is_nil(err[field])
      end
    end
    for _, nonsense in ipairs { 1, true, {}, { 1 }, { {} }, { { loc = 1, msg = 2 } }, { { 1 } } } do
      for _, body in ipairs {
        nonsense, { error = nonsense }, { detail = nonsense }, { errors = nonsense },
        { meta = nonsense }, { error_type = nonsense }, { error = { details = nonsense } },
      } do
        local err = answer(404, body)
        assert.equal("not_found: Not Found (HTTP_404, HTTP 404)", tostring(err))
      end
    end
    assert.is_nil(answer(404, { error = { details = "text" } }).details)
  end)

  it("is never shown as HTML", function()
    for _, page in ipairs {
      "<html><body>502</body></html>", "<!DOCTYPE html><p>x", "\n <HTML>", "Bad gateway</h1>",
    } do
      for _, body in ipairs { { detail = page }, { error = { message = page } } } do
        assert.equal("Bad Gateway", answer(502, body).message)
      end
    end
    local kept = "Anna <anna@example.com> was invited; 1 < 2 > 0"
    assert.equal(kept, answer(409, { detail = kept }).message)
  end)

  it("is bounded", function()
    local huge = ("é"):rep(2 ^ 19)
    local err = answer(400, {
      error = {
        message = huge, system_message = huge, code = huge, type = huge, trace_id = huge,
        timestamp = huge, details = { huge = huge },
      },
    }, { request_id = huge })
    for _, field in ipairs { "message", "system_message" } do
      assert.truthy(#err[field] <= 1024)
      assert.equal("é…", err[field]:sub(-5))
    end
    for _, field in ipairs { "code", "type", "trace_id", "timestamp", "request_id" } do
      assert.truthy(#err[field] <= 128)
    end
    assert.truthy(#err.details.huge <= 1024)
    assert.truthy(#answer(400, { detail = ("invite=x&"):rep(200) }).message <= 1024)

    local many, deep = {}, {}
    for i = 1, 50000 do
      many[i] = { loc = { "body" }, msg = "bad" }
      deep = { deep }
    end
    assert.equal(100, #answer(422, { detail = many }).details)
    assert.truthy(#cjson.encode(answer(422, { errors = many }):to_table()) < 1000000)
    assert.truthy(#cjson.encode(answer(422, { error = { details = deep } }):to_table()) < 1000)
  end)

  it("gives no invitation away, wherever it stands", function()
    local link = "https://chat.aitronos.com/user/register?invite=" .. SECRET
    local texts = {
      "see " .. link .. " for more", link, "INVITE=" .. SECRET, "invite=\"" .. SECRET .. "\"",
      "u=https%3A%2F%2Fx%3Finvite%3D" .. SECRET, "invite%3d" .. SECRET, "<a href=" .. link .. ">",
      "invitation_key: " .. SECRET, "{\"invitation_key\": \"" .. SECRET .. "\"}",
      "{\\\"email_key\\\":\\\"" .. SECRET .. "\\\"}", "{'invitation_link': '" .. link .. "'}",
      "emailKey=" .. SECRET, "Invitation-Link = https://x/" .. SECRET, "invite=<" .. SECRET .. ">",
      "invite=" .. SECRET .. "&invite=" .. SECRET,
      ("x"):rep(1000) .. " invite=" .. SECRET,
    }
    for _, text in ipairs(texts) do
      local nested = { a = { { b = text, [text] = 1 }, text } }
      for _, body in ipairs {
        { error = {
          message = text, system_message = text, code = text, type = text, trace_id = text,
          timestamp = text, details = nested,
        } },
        { detail = text, error_type = text, meta = { timestamp = text, request_id = text } },
        { errors = { { field = text, message = text, code = text, nested } } },
        { detail = { { loc = { text, "x" }, msg = text } } },
      } do
        local err = answer(409, body, { request_id = text })
        local out = tostring(err) .. err.message .. cjson.encode(err:to_table())
        assert.is_nil(out:find("12345678", 1, true), out)
        assert.is_nil(cjson.encode(err.details or {}):find("12345678", 1, true))
      end
      assert.is_nil(failed("internal", { text = text }).message:find("12345678", 1, true))
    end
    local kept = "Could not invite: quota reached"
    assert.equal(kept, answer(403, { detail = kept }).message)
  end)

  it("loses the keys of invitations from its details at any depth", function()
    local err = answer(409, {
      error = {
        details = {
          invitation_key = SECRET,
          invitation = { { invitation_link = SECRET, email_key = SECRET, user_id = "usr_1" } },
          invitationKey = SECRET,
          ["Email-Key"] = { SECRET },
          email = "a@b",
        },
      },
    })
    assert.same({ invitation = { { user_id = "usr_1" } }, email = "a@b" }, err.details)
  end)

  it("is never retryable where the outcome is unknown", function()
    local more = { outcome = "unknown", retryable = true }
    assert.is_false(answer(500, nil, more).retryable)
    more.outcome = "rejected"
    assert.is_true(answer(429, nil, more).retryable)
  end)

  it("tells how long to wait", function()
    assert.equal(7, answer(429, nil, { retry_after = 7 }).retry_after)
  end)
end)

describe("a failure without an answer", function()
  local WANTED = {
    resolve = { "connection", "NAME_NOT_RESOLVED" },
    connect = { "connection", "CONNECTION_FAILED" },
    reset = { "connection", "CONNECTION_LOST" },
    resend = { "connection", "CONNECTION_LOST" },
    proxy = { "connection", "PROXY_FAILED" },
    http2 = { "connection", "HTTP2_ERROR" },
    http2_refused = { "connection", "HTTP2_REFUSED" },
    out_of_memory = { "connection", "OUT_OF_MEMORY" },
    internal = { "connection", "LIBCURL_ERROR" },
    connect_timeout = { "timeout", "CONNECT_TIMEOUT" },
    timeout = { "timeout", "REQUEST_TIMEOUT" },
    deadline = { "timeout", "DEADLINE_EXCEEDED" },
    tls = { "tls", "TLS_HANDSHAKE_FAILED" },
    certificate = { "tls", "CERTIFICATE_NOT_TRUSTED" },
    ca_file = { "tls", "CA_FILE_UNUSABLE" },
    not_http = { "protocol", "NOT_HTTP" },
    truncated = { "protocol", "RESPONSE_TRUNCATED" },
    bad_encoding = { "protocol", "BAD_CONTENT_ENCODING" },
    response_too_large = { "protocol", "RESPONSE_TOO_LARGE" },
    headers_too_large = { "protocol", "HEADERS_TOO_LARGE" },
    not_json = { "protocol", "NOT_JSON" },
    not_object = { "protocol", "NOT_AN_OBJECT" },
    no_content = { "protocol", "NO_CONTENT" },
    not_invitation = { "protocol", "NOT_AN_INVITATION" },
    lookup_disagrees = { "conflict", "INVITATION_ROLE_DIFFERS" },
    url = { "config", "INVALID_URL" },
    cancelled = { "cancelled", "CANCELLED" },
    closed = { "cancelled", "CLIENT_CLOSED" },
  }

  it("has a kind, a code and a sentence of its own", function()
    local seen = {}
    for failure, wanted in pairs(WANTED) do
      local err = failed(failure)
      assert.equal(wanted[1], err.kind)
      assert.equal(wanted[2], err.code)
      assert.is_nil(seen[err.message], failure)
      seen[err.message] = true
      assert.equal("unknown", err.outcome)
      assert.equal(2, err.attempts)
      assert.equal(1.5, err.elapsed)
    end
  end)

  it("adds libcurl's words, escaped only in the line", function()
    local err = failed("resolve", { text = "Could not resolve host: x\n", outcome = "not_sent" })
    local words = "The server's name could not be resolved: Could not resolve host: x"
    assert.equal(words .. "\n", err.message)
    assert.equal("connection: " .. words .. "\\n (NAME_NOT_RESOLVED)", tostring(err))
  end)

  it("names the TLS library where TLS failed, and only there", function()
    local more = { tls_library = "libcurl/7.88.1 OpenSSL/3.0.22", text = ("x"):rep(2000) }
    for failure, wanted in pairs(WANTED) do
      local named = failed(failure, more).message:sub(-31) == "[libcurl/7.88.1 OpenSSL/3.0.22]"
      assert.equal(wanted[1] == "tls", named)
    end
    assert.truthy(failed("certificate").message:find("ca_file", 1, true))
  end)

  it("stays one about the answer's form where the status is no error", function()
    assert.equal("NOT_JSON", answer(200, nil, { failure = "not_json" }).code)
    assert.equal("NO_CONTENT", answer(204, nil, { failure = "no_content" }).code)
    assert.equal("RESPONSE_TOO_LARGE", answer(502, nil, { failure = "response_too_large" }).code)
  end)

  it("is libcurl's where its name is not known", function()
    assert.equal("LIBCURL_ERROR", failed("surprise").code)
    assert.equal("LIBCURL_ERROR", failed(nil).code)
  end)
end)

describe("unknown_keys", function()
  it("describes what might be a value in the wrong place", function()
    local key = "ak_" .. ("k"):rep(40)
    assert.same(
      { "(a key of 43 bytes)", "[1]", "[boolean]", "colour" },
      errors.unknown_keys({ "x", [key] = 1, [true] = 1, colour = 1, known = 1 }, { known = true })
    )
  end)
end)
