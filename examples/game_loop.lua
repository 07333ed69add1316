--- Invites people while a program draws its frames:
---
---     FREDDY_API_KEY=… lua examples/game_loop.lua ADDRESS…
---
--- Nothing here waits: each frame gives the client a turn. The same goes for any program that calls
--- a function of ours every few milliseconds, such as `love.update`.
local aitronos = require "aitronos"

local FRAME_SECONDS = 1 / 60

local client = aitronos.new()
local open = {}
for _, address in ipairs(arg) do
  local job = client:submit {
    organization_id = "org_xyz789",
    email = address,
    role_id = "role_member",
  }
  open[#open + 1] = { address = address, job = job }
end

local function report(address, job)
  local invitation, err = job:try_result()
  print(address, invitation and invitation.invitation_id or tostring(err))
end

local function update()
  client:turn()
  for index = #open, 1, -1 do
    if open[index].job:done() then
      local ended = table.remove(open, index)
      report(ended.address, ended.job)
    end
  end
end

-- What the engine does, drawing aside: here a turn spends what is left of the frame.
local frames = 0
while open[1] do
  update()
  client:turn(FRAME_SECONDS)
  frames = frames + 1
end
client:close()
print("frames", frames)
