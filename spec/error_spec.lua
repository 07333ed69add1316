local cjson = require "cjson"
local errors = require "aitronos.error"

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

  it("shows that it may have been done", function()
    local err = errors.new { kind = "timeout", message = "Late", code = "L", outcome = "unknown" }
    assert.equal("timeout: Late; it may have been done all the same (L)", tostring(err))
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
        local tail = "…; it may have been done all the same (CODE, HTTP 500, trace trace-1)"
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

  it("of kind argument stay small with many faults #bulk", function()
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

describe("unknown_keys", function()
  it("describes what might be a value in the wrong place", function()
    local key = "ak_" .. ("k"):rep(40)
    assert.same(
      { "(a key of 43 bytes)", "[1]", "[boolean]", "colour" },
      errors.unknown_keys({ "x", [key] = 1, [true] = 1, colour = 1, known = 1 }, { known = true })
    )
  end)
end)
