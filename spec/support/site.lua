--- What the nginx of spec/hosts serves: `/invite?client=NAME&email=…` calls `site.invite`, and so
--- on. Clients are made in each worker when they are first used, of options in the dictionary.

local aitronos = require "aitronos"
local cjson = require "cjson"

local site = {}

local shared = ngx.shared.site
local clients = {}

local function person(email)
  return { organization_id = "org_xyz789", email = email, role_id = "role_member" }
end

-- One line of a list that all workers write.
local function note(list, fields)
  shared:rpush(list, cjson.encode(fields))
end

-- Answers with the lines of a list, which is empty then.
local function take_all(list)
  local lines = {}
  for _ = 1, shared:llen(list) do
    lines[#lines + 1] = shared:lpop(list)
  end
  ngx.print("[", table.concat(lines, ","), "]")
end

-- The open jobs that calls wait for; what is in it after a collection is held by somebody.
local jobs = setmetatable({}, { __mode = "k" })

-- The driver that is used in nginx, with an eye on its jobs.
local function watching_driver()
  local driver = {}
  for name, value in pairs(require "aitronos.driver.nginx") do
    driver[name] = value
  end
  local wait = driver.wait
  function driver.wait(client, job)
    jobs[job] = true
    return wait(client, job)
  end
  return driver
end

--- A client whose events are noted, unless the options say `on_event = false`.
---@param name string
---@param options table
function site.new_client(name, options)
  options.api_key = options.api_key or "ak_test"
  options.proxy = ""
  if options.watched then
    options.watched, options.driver = nil, watching_driver()
  end
  options.on_event = options.on_event == nil and function(event)
    note("events", {
      client = name, name = event.name, job = event.job, done = event.done,
      outcome = event.outcome, kind = event.error and event.error.kind,
    })
  end or nil
  return aitronos.new(options)
end

---@param name? string that of the request's argument `client` if left out
---@return aitronos.Client
function site.client(name)
  name = name or ngx.var.arg_client
  if not clients[name] then
    clients[name] = site.new_client(name, cjson.decode(shared:get("client " .. name)))
  end
  return clients[name]
end

--- Names a client that was made elsewhere.
function site.keep(name, client)
  clients[name] = client
end

--- What a caller gets of a call: in JSON, since it goes on to the spec.
local function outcome(invitation, response)
  if invitation then
    return {
      id = invitation.invitation_id, attempts = response.attempts, pid = ngx.worker.pid(),
      reconciled = response.reconciled,
    }
  end
  return { error = response:to_table(), text = tostring(response), pid = ngx.worker.pid() }
end

-- ## Locations

--- Options for a client, as JSON.
function site.define()
  ngx.req.read_body()
  shared:set("client " .. ngx.var.arg_client, ngx.req.get_body_data())
end

function site.invite()
  local email = ngx.var.arg_email
  ngx.print(cjson.encode(outcome(site.client():try_invite_user(person(email)))))
end

--- Raises the Error as it is.
function site.uncaught()
  ngx.print(site.client():invite_user(person(ngx.var.arg_email)).invitation_id)
end

--- Catches it.
function site.caught()
  local fine, err = pcall(site.uncaught)
  if not fine then
    ngx.print(cjson.encode { caught = aitronos.is_error(err), text = tostring(err) })
  end
end

--- Ends a light thread that waits: `how` is kill, exit or leave.
function site.abandon()
  local client, email = site.client(), ngx.var.arg_email
  local thread = ngx.thread.spawn(function()
    note("ends", outcome(client:try_invite_user(person(email))))
  end)
  if ngx.var.arg_after then
    site.client(ngx.var.arg_after):try_invite_user(person("other-" .. email))
  end
  if ngx.var.arg_how == "exit" then
    return ngx.exit(204)
  end
  assert(ngx.thread.kill(thread))
  ngx.print("{}")
end

--- Begins an invitation that nobody waits for.
function site.submit()
  site.client():submit(person(ngx.var.arg_email))
  ngx.print("{}")
end

function site.in_timer()
  local client, email = site.client(), ngx.var.arg_email
  assert(ngx.timer.at(0, function()
    note("ends", outcome(client:try_invite_user(person(email))))
  end))
  ngx.print("{}")
end

--- n invitations by so many light threads.
function site.many()
  local client = site.client()
  local left, made = tonumber(ngx.var.arg_n), 0
  local function work()
    while left > 0 do
      left = left - 1
      client:invite_user(person("person" .. left .. "@example.com"))
      made = made + 1
    end
  end
  local threads = {}
  for i = 1, tonumber(ngx.var.arg_threads) do
    threads[i] = ngx.thread.spawn(work)
  end
  for _, thread in ipairs(threads) do
    assert(ngx.thread.wait(thread))
  end
  ngx.print(cjson.encode { made = made })
end

function site.turn()
  site.client():turn()
  ngx.print("{}")
end

--- n invitations at once: how many are made, and the codes of the others' Errors.
function site.try_many()
  local client = site.client()
  local threads, made, codes = {}, 0, {}
  for i = 1, tonumber(ngx.var.arg_n) do
    threads[i] = ngx.thread.spawn(function()
      return client:try_invite_user(person("person" .. i .. "@example.com"))
    end)
  end
  for _, thread in ipairs(threads) do
    local _, invitation, response = ngx.thread.wait(thread)
    if invitation then
      made = made + 1
    else
      codes[response.code] = (codes[response.code] or 0) + 1
    end
  end
  ngx.print(cjson.encode { made = made, codes = codes })
end

--- Invites person1 to personN in one loop, which it leaves once `leave` are made.
function site.bulk()
  local people, answer = {}, { made = 0, codes = {} }
  for i = 1, tonumber(ngx.var.arg_n) do
    people[i] = person("person" .. i .. "@example.com")
  end
  local run = site.client():invite_users(people, { concurrency = tonumber(ngx.var.arg_at_once) })
  for one in run do
    if one.invitation then
      assert(one.invitation.invitation_id == "inv_person" .. one.index)
      answer.made = answer.made + 1
    else
      answer.codes[tostring(one.index)] = one.error.code
    end
    answer.last = one.index
    if answer.made == tonumber(ngx.var.arg_leave) then
      run:close()
    end
  end
  ngx.print(cjson.encode(answer))
end

--- Closes the client for good.
function site.close()
  site.client():close()
  clients[ngx.var.arg_client] = nil
  ngx.print("{}")
end

--- Collects garbage. How many jobs of clients with the option `watched` are held after that?
function site.collect()
  collectgarbage()
  collectgarbage()
  local held = 0
  for _ in pairs(jobs) do
    held = held + 1
  end
  ngx.print(cjson.encode { held = held })
end

function site.pid()
  ngx.print(cjson.encode { pid = ngx.worker.pid() })
end

function site.events()
  take_all "events"
end

--- What was noted with `ends`, of calls that no request waits for.
function site.ends()
  take_all "ends"
end

-- ## For phases that cannot wait

--- Notes what becomes there of a call, and of one that nobody waits for.
function site.try_in(phase, name)
  local client = site.client(name)
  local invitation, err = client:try_invite_user(person(phase .. "-waits@example.com"))
  local submitted, job = pcall(client.submit, client, person(phase .. "-submits@example.com"))
  note("ends", {
    phase = phase, invited = invitation ~= nil, kind = err and err.kind, text = tostring(err),
    submitted = submitted, refusal = not submitted and tostring(job) or nil,
  })
end

--- Notes the end of a call in a phase that can.
function site.invite_in(phase, name)
  local email = phase .. "@example.com"
  local ended = outcome(site.client(name):try_invite_user(person(email)))
  ended.phase = phase
  note("ends", ended)
end

return site
