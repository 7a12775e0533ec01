"""Settings: what is shown of them, and what set each."""

from dataclasses import replace

from sagelet.settings import Settings


def origins(settings: Settings) -> dict[str, str]:
    return {name: origin for name, _, origin in settings.shown()}


def test_a_setting_says_which_variable_set_it():
    found = origins(
        Settings.from_environ(
            {
                "HOME": "/u",
                "AWS_DEFAULT_REGION": "eu-west-1",
                "SAGELET_ACCOUNT": "123456789012",  # the default, and told nevertheless
                "XDG_CACHE_HOME": "/c",
                "SAGELET_BACKEND": "",
            }
        )
    )
    assert found["AWS_REGION"] == "AWS_DEFAULT_REGION"
    assert found["SAGELET_ACCOUNT"] == "SAGELET_ACCOUNT"
    assert found["SAGELET_CACHE"] == "XDG_CACHE_HOME"
    assert found["SAGELET_BACKEND"] == found["SAGELET_HOME"] == found["--max-jobs"] == ""


def test_the_first_of_several_variables_set_it():
    environ = {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-2"}
    assert origins(Settings.from_environ(environ))["AWS_REGION"] == "AWS_REGION"


def test_an_option_of_serve_goes_before_a_variable():
    settings = replace(Settings.from_environ({"SAGELET_PORT": "4999"}), port=0, test_mode=True)
    found = origins(settings)
    assert found["SAGELET_PORT"] == "--port"
    assert found["--test-mode"] == "--test-mode"
    assert found["SAGELET_HOST"] == ""


def test_no_credentials_are_shown():
    environ = {"SAGELET_ACCESS_KEY_ID": "who", "SAGELET_SECRET_ACCESS_KEY": "hush"}
    settings = Settings.from_environ(environ)
    assert settings.credentials == ("who", "hush")
    assert "hush" not in str(settings.shown())
    assert "hush" not in str(settings.variables)
