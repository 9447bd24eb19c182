def test_x(authsome, made_up_key):
    key = made_up_key("openai")
    authsome("login","openai","--stdin", input=key, check=True)
    print(authsome("list","--json").stdout)
    print(authsome("token","openai").stdout == key+b"\n")
